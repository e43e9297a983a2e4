internal import PortfolioModel

extension ObjectiveModel {
    /// Charges a part of the variance, Σ dᵢ(wᵢ − bᵢ)², on single weights instead of taking its tangent.
    ///
    /// What is left, (w − b)ᵀ(Σ − diag d)(w − b), is convex as long as Σ − diag d is positive semidefinite, so that its tangent
    /// is below it. A risk becomes half its square for that.
    ///
    /// - Returns: false where the objective is none of a variance, or the difference is not positive semidefinite.
    mutating func charge(_ diagonal: [Double], _ exposure: Exposure, _ mandate: Mandate) -> Bool {
        let objective = mandate.request.objective
        guard mandate.riskMeasure == .volatility, mandate.penalties.isEmpty, mandate.request.type != .robust,
            charges.allSatisfy({ $0.impact == 0 })
        else { return false }
        var centre = [Double](repeating: 0, count: exposure.weights.count)
        var factor = 1.0
        switch objective {
        case .minimizeRisk: break
        case .maximizeUtility: factor = mandate.preferences.riskAversion ?? 2.5
        case .minimizeTrackingError:
            guard let active = activeWeights(exposure, mandate) else { return false }
            centre = zip(exposure.weights, active).map { $0 - $1 }
        default: return false
        }
        guard factor > 0, isSplit(diagonal, exposure, mandate) else { return false }
        if objective != .maximizeUtility {
            guard value < 0 else { return false }
            // −σ has the gradient −Σw/σ, and −½σ² has −Σw.
            scale = -value
            gradient = gradient.map { $0 * scale }
            isHalfSquare = true
        }
        for (index, part) in diagonal.enumerated() where part != 0 {
            gradient[index] += factor * part * (exposure.weights[index] - centre[index])
            charges[index].bend = factor * part
            charges[index].bendCentre = centre[index]
        }
        return true
    }

    /// Instruments at most whose covariance is factorized.
    static let mostFactorized = 500

    /// Whether Σ − diag(d) is positive definite over what may be held, by Cholesky's method.
    private func isSplit(_ diagonal: [Double], _ exposure: Exposure, _ mandate: Mandate) -> Bool {
        let instruments = mandate.moments.instruments
        let places = instruments.indices.filter {
            mandate.universe.contains(instruments[$0]) || exposure.weights[$0] != 0
        }
        guard places.count <= Self.mostFactorized, diagonal.count == instruments.count,
            diagonal.allSatisfy({ $0 >= 0 && $0.isFinite }),
            instruments.indices.allSatisfy({ diagonal[$0] == 0 || mandate.universe.contains(instruments[$0]) })
        else { return false }
        // Rows of the lower triangle, each after those above it.
        var rows: [[Double]] = []
        rows.reserveCapacity(places.count)
        for (i, place) in places.enumerated() {
            var row = [Double](repeating: 0, count: i + 1)
            for j in 0...i { row[j] = mandate.moments.covariance[place, places[j]] }
            row[i] -= diagonal[place]
            for j in 0..<i {
                var sum = row[j]
                rows[j].withUnsafeBufferPointer { above in
                    for k in 0..<j { sum -= row[k] * above[k] }
                }
                row[j] = sum / rows[j][j]
            }
            for k in 0..<i { row[i] -= row[k] * row[k] }
            guard row[i] > 0 else { return false }
            row[i] = row[i].squareRoot()
            rows.append(row)
        }
        return true
    }
}
