/// What is removed from a problem before it is solved, and how the removed parts come back.
struct Presolve {
    let reduced: PreparedProblem
    let contradiction: [Double]?

    init(_ problem: PreparedProblem, enabled: Bool) {
        reduced = problem
        contradiction = nil
    }

    func restored(x: [Double], s: [Double], z: [Double]) -> (x: [Double], s: [Double], z: [Double]) { (x, s, z) }
    func restoredCertificate(_ z: [Double]) -> [Double] { z }
    func restoredRay(x: [Double], s: [Double]) -> (x: [Double], s: [Double]) { (x, s) }
}
