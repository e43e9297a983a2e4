package import NIOCore

/// Runs tasks on an event loop: what is read there is answered there.
///
/// Nothing that runs on it may block or take long; that is what ``CallRunner`` is for.
package final class LoopExecutor: TaskExecutor {
    private let loop: any EventLoop

    /// - Parameter loop: where the tasks run.
    package init(_ loop: any EventLoop) { self.loop = loop }

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        loop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
