/// The 128-bit FNV-1a hash of bytes, as `fnv1a128:` and 32 hexadecimal digits.
///
/// It tells equal results from different ones. It is a fingerprint, not a signature: who wants to can make two inputs
/// with the same hash.
///
/// - SeeAlso: draft-eastlake-fnv, section 5 (parameters of the 128-bit variant).
func fingerprint(of bytes: [UInt8]) -> String {
    let prime: UInt128 = 1 << 88 | 0x13B
    var hash: UInt128 = 0x6C62_272E_07BB_0142_62B8_2175_6295_C58D
    for byte in bytes { hash = (hash ^ UInt128(byte)) &* prime }
    let digits = String(hash, radix: 16)
    return "fnv1a128:" + String(repeating: "0", count: 32 - digits.utf8.count) + digits
}
