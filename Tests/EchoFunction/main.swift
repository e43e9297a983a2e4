// The smallest function: tests start it as a process, with a listening socket as standard input.
import FunctionRuntime

/// Sends a request's body back; parks below /park, for which nothing ever comes.
final class EchoHandler: FunctionHandler {
    func handle(_ request: FunctionRequest) -> FunctionOutcome {
        guard request.path == "/park" else {
            return .answer(FunctionResponse(status: 200, body: .bytes(request.body)))
        }
        return .park(
            ParkedRequest(key: "", waitSeconds: 60, recheck: { nil }, expire: { FunctionResponse(status: 202) })
        )
    }
}

FunctionRuntime.main { _ in EchoHandler() }
