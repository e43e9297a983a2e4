import Glibc

/// What this process has used so far, as the kernel counts it.
struct ProcessFigures {
    /// Seconds of processor time, in user and in kernel mode.
    let processorSeconds: Double
    /// The most memory ever resident, in bytes.
    let peakResidentBytes: Int

    init() {
        var usage = rusage()
        getrusage(RUSAGE_SELF.rawValue, &usage)
        let seconds = { (time: timeval) in Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
        processorSeconds = seconds(usage.ru_utime) + seconds(usage.ru_stime)
        peakResidentBytes = usage.ru_maxrss * 1024  // Linux counts kibibytes
    }

    /// The figures in Prometheus's text format.
    func prometheusText(ready: Bool) -> String {
        metric("portfolio_up", "gauge", "Whether the health function answers.", "1")
            + metric("portfolio_ready", "gauge", "Whether requests can be served.", ready ? "1" : "0")
            + metric(
                "portfolio_health_cpu_seconds_total",
                "counter",
                "Processor time of the health function.",
                "\(processorSeconds)"
            )
            + metric(
                "portfolio_health_peak_resident_memory_bytes",
                "gauge",
                "The most memory the health function had.",
                "\(peakResidentBytes)"
            )
    }

    private func metric(_ name: String, _ type: String, _ help: String, _ value: String) -> String {
        "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n\(name) \(value)\n"
    }
}
