/// The four ways in which active rows and free variables change.
extension HingeState {
    /// Row `code` takes the place of active row i.
    mutating func exchangeRow(_ i: Int, for code: Int) {
        let entries = row(code)
        inverse.replaceRow(i, with: free.map { entries[$0] })
        isActive[active[i]] = false
        isActive[code] = true
        active[i] = code
        activeRows.replaceSubrange((i * entries.count)..<((i + 1) * entries.count), with: entries)
    }

    /// Variable j, with its image, takes the place of free variable p.
    mutating func exchangeVariable(_ p: Int, for j: Int, image: [Double]) {
        inverse.replaceColumn(p, withImage: image)
        isFree[free[p]] = false
        isFree[j] = true
        free[p] = j
    }

    /// Variable j becomes free and row `code` active.
    mutating func add(row code: Int, variable j: Int, image: [Double]) {
        let entries = row(code)
        inverse.append(row: free.map { entries[$0] }, corner: entries[j], columnImage: image)
        isActive[code] = true
        isFree[j] = true
        active.append(code)
        free.append(j)
        activeRows += entries
    }

    /// Active row i lets go and free variable p stays where it is.
    mutating func remove(row i: Int, variable p: Int) {
        inverse.remove(row: i, column: p)
        isActive[active[i]] = false
        isFree[free[p]] = false
        let (n, last) = (x.count, active.count - 1)
        if i != last {
            for j in 0..<n { activeRows[i * n + j] = activeRows[last * n + j] }
            active[i] = active[last]
        }
        activeRows.removeLast(n)
        active.removeLast()
        free[p] = free[free.count - 1]
        free.removeLast()
    }
}
