import Foundation
import Matrices
import MomentEstimation
import Testing

/// A history and its estimates as scikit-learn and numpy compute them; see make_covariances.py.
struct CovarianceFixture: Decodable, CustomTestStringConvertible {
    var name: String
    var periodsPerYear: Double
    var returns: [[Double]]
    var mean: [Double]
    var sample: [[Double]]
    var ledoitWolf: [[Double]]
    var shrinkage: Double

    var testDescription: String { name }

    static func all() throws -> [CovarianceFixture] {
        struct File: Decodable { var cases: [CovarianceFixture] }
        let folder = try #require(Bundle.module.url(forResource: "Fixtures", withExtension: nil))
        let data = try Data(contentsOf: folder.appendingPathComponent("covariances.json"))
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(File.self, from: data).cases
    }
}

/// The matrix of these rows.
func matrix(_ rows: [[Double]]) throws -> DenseMatrix { try #require(DenseMatrix(rows: rows)) }

/// The largest difference of two matrices, relative to the largest entry.
func relativeDifference(_ left: DenseMatrix, _ right: DenseMatrix) -> Double {
    guard left.rows == right.rows, left.columns == right.columns else { return .infinity }
    let scale = max(1e-300, right.elements.reduce(0) { max($0, abs($1)) })
    return zip(left.elements, right.elements).reduce(0) { max($0, abs($1.0 - $1.1)) } / scale
}
