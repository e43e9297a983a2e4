/// Finds the known name nearest to a misspelt one, when it is near enough to be meant.
func nearestName(to name: String, among known: [String]) -> String? {
    guard name.utf8.count <= 64 else { return nil }
    let nearest = known.map { (name: $0, distance: editDistance(Array(name.utf8), Array($0.utf8))) }
        .min { $0.distance < $1.distance }
    guard let nearest, nearest.distance <= max(1, nearest.name.utf8.count / 4) else { return nil }
    return nearest.name
}

/// The least number of insertions, deletions and substitutions that turn one text into the other (Levenshtein).
private func editDistance(_ left: [UInt8], _ right: [UInt8]) -> Int {
    var previous = Array(0...right.count)
    for (i, leftByte) in left.enumerated() {
        var current = [i + 1]
        for (j, rightByte) in right.enumerated() {
            let substitution = previous[j] + (leftByte == rightByte ? 0 : 1)
            current.append(min(substitution, previous[j + 1] + 1, current[j] + 1))
        }
        previous = current
    }
    return previous[right.count]
}
