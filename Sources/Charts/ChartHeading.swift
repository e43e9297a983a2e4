/// What a chart says of itself, whatever it draws.
package struct ChartHeading: Equatable, Sendable {
    /// What the chart shows, in a line.
    package var title: String
    /// Where it comes from, in a line below.
    package var subtitle: String
    /// The chart in words, for those who do not see it.
    package var description: String

    package init(title: String, subtitle: String, description: String) {
        self.title = title
        self.subtitle = subtitle
        self.description = description
    }

    /// Begins a document: size, what it is called for those who do not see it, styles, paper, title and subtitle.
    ///
    /// - Parameters:
    ///   - width: of the drawing, in pixels.
    ///   - height: of the drawing, in pixels.
    ///   - styles: the style sheet.
    ///   - paper: the attributes that the ground is filled by.
    /// - Returns: the document up to where the drawing begins.
    func opening(width: Double, height: Double, styles: String, paper: String) -> String {
        """
        <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(coordinate(width)) \(coordinate(height))" \
        width="\(coordinate(width))" height="\(coordinate(height))" role="img" \
        aria-labelledby="chart-title chart-desc">
        <title id="chart-title">\(escaped(title))</title>
        <desc id="chart-desc">\(escaped(description))</desc>
        <style>
        \(styles)
        </style>
        <rect \(paper)/>
        <text class="title" x="16" y="28">\(escaped(title))</text>
        <text class="quiet" x="16" y="47">\(escaped(subtitle))</text>

        """
    }
}
