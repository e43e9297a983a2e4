"""gRPC through nginx, by a client that was not written here."""

import datetime
import os
import random
import socket
import threading
import time
import unittest
import uuid

import grpc
from client import DESCRIPTORS, HTTP, PACKAGE, SERVICE, TARGET, channel, details, kind, method, rest, violations
from google.protobuf import descriptor_pb2

PORTFOLIO = "port-123456"
FUZZ = int(os.environ.get("PORTFOLIO_FUZZ_MESSAGES", "2000"))


def request(**fields):
    defaults = {"portfolio_id": PORTFOLIO, "optimization_type": "mean_variance", "objective": "maximize_sharpe"}
    return kind("CreateOptimizationRequest")(**{**defaults, **fields})


def is_repeated(field):
    # protobuf 6 made a property of what the label said.
    return field.is_repeated if hasattr(field, "is_repeated") else field.label == field.LABEL_REPEATED


def plain(message):
    """A message as REST would have written it: names, maps and lists; fields without presence are left out when 0."""
    result = {}
    for field, value in message.ListFields():
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            result[field.name] = {
                key: plain(item) if hasattr(item, "ListFields") else item for key, item in value.items()
            }
        elif is_repeated(field):
            result[field.name] = [plain(item) if hasattr(item, "ListFields") else item for item in value]
        elif field.message_type is not None:
            whole = field.message_type.full_name == "google.protobuf.Timestamp"
            result[field.name] = value.ToMicroseconds() if whole else plain(value)
        else:
            result[field.name] = value
    return result


class Case(unittest.TestCase):
    def setUp(self):
        self.channel = channel()
        self.addCleanup(self.channel.close)

    def call(self, name, message, **options):
        return method(self.channel, name)(message, **{"timeout": 60, **options})

    def refused(self, name, message, code, **options):
        with self.assertRaises(grpc.RpcError) as caught:
            self.call(name, message, **options)
        self.assertEqual(caught.exception.code(), code, caught.exception.details())
        return caught.exception

    def completed(self, **fields):
        accepted = self.call("CreateOptimization", request(**fields))
        self.assertEqual(accepted.status, "pending")
        wanted = kind("GetOptimizationRequest")(optimization_id=accepted.optimization_id, wait_seconds=30)
        answer = self.call("GetOptimization", wanted)
        self.assertEqual(answer.status, "completed", answer.error)
        return answer

    def assert_same(self, document, found, place=""):
        """Every member of a REST document that has a meaning stands in the message, to the bit."""
        for name, value in document.items():
            here = f"{place}/{name}"
            if value is None or value == [] or value == {}:
                self.assertFalse(found.get(name), here)
            elif name.endswith("_at") or name == "as_of":
                if place == "":
                    self.assertIn(name, found, here)
            elif isinstance(value, dict):
                self.assert_same(value, found.get(name, {}), here)
            elif isinstance(value, list) and isinstance(value[0], dict):
                self.assertEqual(len(value), len(found.get(name, [])), here)
                for index, item in enumerate(value):
                    self.assert_same(item, found[name][index], f"{here}/{index}")
            elif value in (0, "", False):
                self.assertIn(found.get(name, value), (value,), here)
            else:
                self.assertEqual(found.get(name), value, here)


class Optimizations(Case):
    def test_an_answer_has_every_number_of_its_rest_twin(self):
        answer = self.completed(constraints=kind("OptimizationConstraints")(max_position_size=0.2, max_turnover=0.6))
        status, document = rest("GET", f"/api/v1/optimizations/{answer.optimization_id}")
        self.assertEqual(status, 200)
        self.assert_same(document, plain(answer))

    def test_a_limit_of_zero_is_not_the_same_as_none(self):
        still = self.completed(objective="minimize_risk", constraints=kind("OptimizationConstraints")(max_turnover=0))
        free = self.completed(objective="minimize_risk", constraints=kind("OptimizationConstraints")())
        self.assertLess(still.metrics.turnover, 1e-15)
        self.assertGreater(free.metrics.turnover, 0.1)

    def test_a_mandate_that_clashes_ends_failed_with_its_conflicts(self):
        limits = kind("OptimizationConstraints")(min_return=9)
        accepted = self.call("CreateOptimization", request(constraints=limits))
        wanted = kind("GetOptimizationRequest")(optimization_id=accepted.optimization_id, wait_seconds=30)
        answer = self.call("GetOptimization", wanted)
        self.assertEqual((answer.status, answer.error.code), ("failed", "infeasible"))
        self.assertIn("/min_return", [conflict.constraint for conflict in answer.error.conflicts])

    def test_cancelling_is_told_and_an_ended_one_is_refused(self):
        answer = self.completed()
        ended = kind("CancelOptimizationRequest")(optimization_id=answer.optimization_id)
        error = self.refused("CancelOptimization", ended, grpc.StatusCode.ABORTED)
        self.assertIn(b"already_ended", details(error)["ErrorInfo"])

    def test_a_list_is_walked_page_by_page(self):
        ids = {self.completed(preferences=kind("OptimizationPreferences")(risk_free_rate=rate)).optimization_id
               for rate in (0.001, 0.002, 0.003)}
        seen, cursor = set(), None
        while True:
            page = self.call("ListOptimizations", kind("ListOptimizationsRequest")(limit=2, cursor=cursor))
            seen |= {summary.optimization_id for summary in page.optimizations}
            cursor = page.next_cursor
            if not cursor:
                break
        self.assertLessEqual(ids, seen)


class Frontiers(Case):
    def test_a_frontier_has_every_number_of_its_rest_twin(self):
        limits = kind("OptimizationConstraints")(max_position_size=0.25)
        answer = self.call(
            "GenerateEfficientFrontier",
            kind("EfficientFrontierRequest")(portfolio_id=PORTFOLIO, points=7, constraints=limits),
        )
        body = {"points": 7, "constraints": {"max_position_size": 0.25}}
        status, document = rest("POST", f"/api/v1/portfolios/{PORTFOLIO}/efficient-frontier", body)
        self.assertEqual(status, 200)
        self.assertEqual(len(answer.efficient_frontier), 7)
        document.pop("points", None), document.pop("status", None), document.pop("completed_at", None)
        self.assert_same(document, plain(answer))

    def test_a_frontier_out_of_reach_fails_a_precondition(self):
        wanted = kind("EfficientFrontierRequest")(portfolio_id=PORTFOLIO, min_return=9)
        error = self.refused("GenerateEfficientFrontier", wanted, grpc.StatusCode.FAILED_PRECONDITION)
        self.assertIn("ErrorInfo", details(error))


class Plans(Case):
    def test_a_plan_has_every_number_of_its_rest_twin(self):
        limits = kind("RebalanceConstraints")(max_turnover=0.2, min_trade_size=500, max_trades=8)
        answer = self.call(
            "GenerateRebalancePlan",
            kind("RebalancePlanRequest")(portfolio_id=PORTFOLIO, target_type="equal_weight", constraints=limits),
        )
        self.assertGreater(len(answer.trades), 0)
        self.assertLessEqual(len(answer.trades), 8)
        body = {
            "target_type": "equal_weight",
            "constraints": {"max_turnover": 0.2, "min_trade_size": 500, "max_trades": 8},
        }
        status, document = rest("POST", f"/api/v1/portfolios/{PORTFOLIO}/rebalance", body)
        self.assertEqual((status, document["rebalance_id"]), (200, answer.rebalance_id))
        self.assert_same(document, plain(answer))

    def test_an_unknown_target_is_a_violation(self):
        wanted = kind("RebalancePlanRequest")(portfolio_id=PORTFOLIO, target_type="moon")
        error = self.refused("GenerateRebalancePlan", wanted, grpc.StatusCode.INVALID_ARGUMENT)
        self.assertIn("target_type", violations(details(error)["BadRequest"]))


class Factors(Case):
    def setUp(self):
        super().setUp()
        rest("PUT", "/api/v1/instruments", {"instruments": [
            {"instrument_id": "G-A", "price": 10.0}, {"instrument_id": "G-B", "price": 20.0}]})
        rest("PUT", "/api/v1/risk-models/grpc-factors", {
            "as_of": "2025-06-20T00:00:00Z", "instruments": ["G-A", "G-B"], "periods_per_year": 252,
            "expected_returns": [0.08, 0.03],
            "factor_model": {"factors": ["MKT", "VAL"], "loadings": [[1.2, 0.1], [0.3, -0.2]],
                             "factor_covariance": [[0.03, 0.001], [0.001, 0.01]],
                             "specific_variance": [0.01, 0.001]}})
        status, _ = rest("PUT", "/api/v1/portfolios/grpc-factors", {
            "name": "factors", "base_currency": "USD", "as_of": "2025-06-20T00:00:00Z",
            "risk_model_id": "grpc-factors", "benchmark": {"G-A": 0.5, "G-B": 0.5},
            "positions": [{"instrument_id": "G-A", "quantity": 60}, {"instrument_id": "G-B", "quantity": 20}]})
        self.assertIn(status, (200, 201))

    def test_an_analysis_has_every_number_of_its_rest_twin(self):
        for names in ([], ["MKT"]):
            wanted = kind("FactorExposureRequest")(portfolio_id="grpc-factors", factors=names)
            answer = self.call("AnalyzeFactorExposures", wanted)
            query = f"?factors={','.join(names)}" if names else ""
            status, document = rest("GET", f"/api/v1/portfolios/grpc-factors/factor-exposures{query}")
            self.assertEqual((status, document["analysis_id"]), (200, answer.analysis_id))
            self.assert_same(document, plain(answer))
            self.assertAlmostEqual(sum(part.percent_contribution for part in answer.attribution), 1, places=12)

    def test_an_unknown_factor_is_refused(self):
        wanted = kind("FactorExposureRequest")(portfolio_id="grpc-factors", factors=["NOPE"])
        with self.assertRaises(grpc.RpcError) as caught:
            self.call("AnalyzeFactorExposures", wanted)
        self.assertIn(
            caught.exception.code(), (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.FAILED_PRECONDITION)
        )


class Methods(Factors):
    """Requests of the types that bring more than limits: every field goes in, and every number comes out."""

    test_an_analysis_has_every_number_of_its_rest_twin = None
    test_an_unknown_factor_is_refused = None

    def same_as_rest(self, **fields):
        answer = self.completed(portfolio_id="grpc-factors", **fields)
        status, document = rest("GET", f"/api/v1/optimizations/{answer.optimization_id}")
        self.assertEqual(status, 200)
        self.assert_same(document, plain(answer))
        return answer

    def test_a_robust_answer_has_its_worst_case(self):
        uncertainty = kind("Uncertainty")(kind="ellipsoidal", size=0.5)
        for row in ([0.01, 0.001], [0.001, 0.004]):
            uncertainty.covariance.add().extend(row)
        answer = self.same_as_rest(optimization_type="robust", objective="maximize_utility", uncertainty=uncertainty)
        self.assertLess(answer.robust.worst_case_return, answer.metrics.expected_return)

    def test_a_scenario_based_answer_has_the_outcome_of_each(self):
        scenarios = [
            kind("Scenario")(name="calm", probability=0.9, returns={"G-A": 0.06, "G-B": 0.004}),
            kind("Scenario")(name="2008", probability=0.1, returns={"G-A": -0.3, "G-B": -0.05})]
        answer = self.same_as_rest(
            optimization_type="scenario_based", objective="maximize_return", scenarios=scenarios,
            constraints=kind("OptimizationConstraints")(max_scenario_losses={"2008": 0.1}))
        self.assertAlmostEqual(getattr(answer.scenario_outcomes.worst, "return"), -0.1, places=7)

    def test_a_multi_period_answer_has_its_path(self):
        horizon = kind("Horizon")(periods=2, terminal_target={"G-A": 0.5, "G-B": 0.5})
        for row in ([0.05, 0.02], [0.01, 0.06]):
            horizon.expected_returns.add().extend(row)
        answer = self.same_as_rest(optimization_type="multi_period", objective="maximize_utility", horizon=horizon)
        self.assertEqual([period.period for period in answer.path], [1, 2])

    def test_objectives_of_terms_have_the_value_of_each(self):
        term = kind("ObjectiveTerm")
        terms = [term(term="return", weight=1), term(term="variance", weight=-2),
                 term(term="factor_exposure", factor="MKT", weight=-0.01), term(term="entropy", weight=0.001),
                 term(term="score", name="esg", scores={"G-A": 0.5}, weight=0.01)]
        answer = self.same_as_rest(optimization_type="custom", objective="custom", custom_objective=terms)
        self.assertAlmostEqual(sum(each.contribution for each in answer.objective_terms), answer.objective_value, places=12)

    def test_what_is_not_held_is_told_when_asked_for(self):
        answer = self.completed(portfolio_id="grpc-factors", objective="maximize_return")
        wanted = kind("GetOptimizationRequest")(optimization_id=answer.optimization_id, explain="excluded")
        self.assertEqual([each.instrument_id for each in self.call("GetOptimization", wanted).excluded], ["G-B"])
        self.assertEqual(len(answer.excluded), 0)


class Errors(Case):
    def test_each_fault_is_a_violation_with_its_field(self):
        bad = request(
            optimization_type="mean",
            constraints=kind("OptimizationConstraints")(max_turnover=-1, max_weights={"AAPL": 7}),
        )
        error = self.refused("CreateOptimization", bad, grpc.StatusCode.INVALID_ARGUMENT)
        found = violations(details(error)["BadRequest"])
        self.assertLessEqual(
            {"optimization_type", "constraints.max_turnover", "constraints.max_weights.AAPL"}, found.keys()
        )
        self.assertIn("-1", found["constraints.max_turnover"])

    def test_not_a_number_is_refused(self):
        bad = request(constraints=kind("OptimizationConstraints")(max_turnover=float("nan")))
        self.refused("CreateOptimization", bad, grpc.StatusCode.INVALID_ARGUMENT)

    def test_what_is_not_there_is_named(self):
        error = self.refused("CreateOptimization", request(portfolio_id="nowhere"), grpc.StatusCode.NOT_FOUND)
        self.assertIn(b"nowhere", details(error)["ResourceInfo"])
        for id in ("opt-none", "", "a/b", "opt-" + "0" * 26):
            wanted = kind("GetOptimizationRequest")(optimization_id=id)
            self.refused("GetOptimization", wanted, grpc.StatusCode.NOT_FOUND)

    def test_a_key_stands_for_one_request(self):
        key = (("idempotency-key", str(uuid.uuid4())),)
        first = self.call("CreateOptimization", request(), metadata=key)
        again = self.call("CreateOptimization", request(), metadata=key)
        self.assertEqual(first, again)
        other = request(objective="minimize_risk")
        self.refused("CreateOptimization", other, grpc.StatusCode.ABORTED, metadata=key)

    def test_a_request_id_comes_back(self):
        _, call = method(self.channel, "CreateOptimization").with_call(
            request(), timeout=30, metadata=(("x-request-id", "mine-1"),)
        )
        self.assertEqual(dict(call.initial_metadata())["x-request-id"], "mine-1")

    def test_a_caller_cannot_name_its_own_tenant(self):
        answer = self.completed()
        other = (("x-auth-tenant", "somebody-else"),)
        wanted = kind("GetOptimizationRequest")(optimization_id=answer.optimization_id)
        self.assertEqual(self.call("GetOptimization", wanted, metadata=other).status, "completed")

    def test_an_unknown_method_is_unimplemented_and_a_large_message_refused(self):
        unknown = self.channel.unary_unary(f"/{SERVICE}/Nothing")
        with self.assertRaises(grpc.RpcError) as caught:
            unknown(b"", timeout=30)
        self.assertEqual(caught.exception.code(), grpc.StatusCode.UNIMPLEMENTED)
        large = request(constraints=kind("OptimizationConstraints")(max_weights={f"N{i}": 0.1 for i in range(400_000)}))
        self.refused("CreateOptimization", large, grpc.StatusCode.RESOURCE_EXHAUSTED)


class Waits(Case):
    def test_a_deadline_ends_a_wait_and_the_job_goes_on(self):
        accepted = [self.call("CreateOptimization", request(preferences=kind("OptimizationPreferences")(
            risk_free_rate=0.01 + index / 1e4))) for index in range(60)]
        last = kind("GetOptimizationRequest")(optimization_id=accepted[-1].optimization_id, wait_seconds=30)
        try:
            self.call("GetOptimization", last, timeout=0.02)
        except grpc.RpcError as error:
            self.assertEqual(error.code(), grpc.StatusCode.DEADLINE_EXCEEDED)
        self.assertEqual(self.call("GetOptimization", last).status, "completed")

    def test_a_wait_that_is_cancelled_leaves_the_server_well(self):
        accepted = self.call("CreateOptimization", request())
        wanted = kind("GetOptimizationRequest")(optimization_id=accepted.optimization_id, wait_seconds=30)
        for _ in range(20):
            method(self.channel, "GetOptimization").future(wanted, timeout=30).cancel()
        self.assertEqual(self.call("GetOptimization", wanted).status, "completed")

    def slow_frontier(self, seed):
        """A frontier that takes seconds: a cone program a point."""
        return kind("EfficientFrontierRequest")(
            portfolio_id=PORTFOLIO, points=80, risk_measure="evar",
            preferences=kind("OptimizationPreferences")(confidence_level=0.9, risk_free_rate=seed / 1e6))

    def rest_status(self, message):
        """The computation a REST caller is told of who asks for the same, without waiting."""
        body = {"points": message.points, "risk_measure": message.risk_measure,
                "preferences": {"confidence_level": 0.9, "risk_free_rate": message.preferences.risk_free_rate}}
        return rest("POST", f"/api/v1/portfolios/{PORTFOLIO}/efficient-frontier", body, {"Prefer": "respond-async"})

    def asked(self, message, deadline=30):
        """A call that has begun to wait for its computation."""
        future = method(self.channel, "GenerateEfficientFrontier").future(message, timeout=deadline)
        time.sleep(0.3)
        return future

    def test_a_call_that_nobody_else_waits_for_takes_its_computation_with_it(self):
        for deadline in (30, 0.5):
            message = self.slow_frontier(random.randrange(10**5))
            future = self.asked(message, deadline)
            if deadline == 30:
                future.cancel()
            else:
                self.assertEqual(future.code(), grpc.StatusCode.DEADLINE_EXCEEDED)
            time.sleep(1)
            before = time.time()
            status, found = self.rest_status(message)
            self.assertEqual(status, 202, found)
            created = datetime.datetime.fromisoformat(found["created_at"].replace("Z", "+00:00")).timestamp()
            self.assertGreater(created, before - 0.1, "a computation of its own: the first was cancelled")

    def test_what_another_waits_for_goes_on_when_one_leaves(self):
        message = self.slow_frontier(random.randrange(10**5))
        future = self.asked(message)
        status, joined = self.rest_status(message)
        self.assertEqual(status, 202, joined)
        future.cancel()
        time.sleep(1)
        _, found = rest("GET", f"/api/v1/efficient-frontiers/{joined['frontier_id']}")
        self.assertIn(found["status"], ("pending", "processing", "completed"))

    def test_many_wait_at_once(self):
        accepted = self.call("CreateOptimization", request())
        wanted = kind("GetOptimizationRequest")(optimization_id=accepted.optimization_id, wait_seconds=30)
        # Each call has a connection of its own from nginx to the function, and they are made in one burst.
        channels = [channel(("grpc.use_local_subchannel_pool", 1)) for _ in range(4)]
        futures = [
            method(busy, "GetOptimization").future(wanted, timeout=60) for _ in range(100) for busy in channels
        ]
        self.assertEqual({future.result().status for future in futures}, {"completed"})
        for busy in channels:
            busy.close()


class Protocol(Case):
    def test_nothing_of_the_service_documents_protocol_is_missing_or_renumbered(self):
        file = self.reflected()
        names = {number: name[5:].lower() for name, number in descriptor_pb2.FieldDescriptorProto.Type.items()}
        found = set()
        for message in file.message_type:
            for field in message.field:
                repeated = field.label == field.LABEL_REPEATED
                type_name = field.type_name.rsplit(".", 1)[-1] if field.type_name else names[field.type]
                found.add(f"{message.name} {field.name} {field.number} {type_name} {'repeated' if repeated else 'one'}")
        for service in file.service:
            for call in service.method:
                types = [name.rsplit(".", 1)[-1] for name in (call.input_type, call.output_type)]
                found.add(f"rpc {service.name}.{call.name} {types[0]} {types[1]}")
        path = os.path.join(os.path.dirname(__file__), "service-document.txt")
        with open(path, encoding="utf-8") as facts:
            wanted = {line.strip() for line in facts if line.strip() and not line.startswith("#")}
        self.assertGreater(len(wanted), 100)
        self.assertEqual(wanted - found, set())

    def reflected(self, version="v1"):
        kind_of = kind("grpc.reflection.v1.ServerReflectionRequest")
        ask = self.channel.stream_stream(
            f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=kind("grpc.reflection.v1.ServerReflectionResponse").FromString,
        )
        questions = [kind_of(list_services=""), kind_of(file_containing_symbol=SERVICE)]
        listed, described = list(ask(iter(questions), timeout=30))
        self.assertIn(SERVICE, [service.name for service in listed.list_services_response.service])
        files = {}
        for raw in described.file_descriptor_response.file_descriptor_proto:
            file = descriptor_pb2.FileDescriptorProto()
            file.ParseFromString(raw)
            files[file.name] = file
        self.assertIn("google/protobuf/timestamp.proto", files)
        return files[f"{PACKAGE.replace('.', '/')}/portfolio_optimization.proto"]

    def test_reflection_answers_under_both_names(self):
        shipped = next(file for file in DESCRIPTORS.file if file.package == PACKAGE)
        for version in ("v1", "v1alpha"):
            found = self.reflected(version)
            self.assertEqual(
                [message.name for message in found.message_type], [message.name for message in shipped.message_type]
            )

    def test_health_is_told_and_watched(self):
        name = "grpc.health.v1.Health"
        question = kind("grpc.health.v1.HealthCheckRequest")
        for service in ("", SERVICE):
            self.assertEqual(method(self.channel, "Check", name)(question(service=service), timeout=30).status, 1)
        with self.assertRaises(grpc.RpcError) as caught:
            method(self.channel, "Check", name)(question(service="nothing"), timeout=30)
        self.assertEqual(caught.exception.code(), grpc.StatusCode.NOT_FOUND)
        watch = method(self.channel, "Watch", name, stream="unary_stream")(question(), timeout=30)
        self.assertEqual(next(iter(watch)).status, 1)
        watch.cancel()


class Hostile(Case):
    def test_random_messages_never_bring_it_down(self):
        bits = random.Random(7)
        good = request(constraints=kind("OptimizationConstraints")(max_weights={"AAPL": 0.1})).SerializeToString()
        names = ["CreateOptimization", "GetOptimization", "ListOptimizations", "CancelOptimization"]
        codes = set()
        for index in range(FUZZ):
            if index % 2:
                raw = bytes(bits.getrandbits(8) for _ in range(bits.randrange(200)))
            else:
                mutable = bytearray(good)
                for _ in range(bits.randrange(1, 6)):
                    mutable[bits.randrange(len(mutable))] = bits.getrandbits(8)
                raw = bytes(mutable)
            call = self.channel.unary_unary(f"/{SERVICE}/{names[index % len(names)]}")
            try:
                call(raw, timeout=60)
            except grpc.RpcError as error:
                codes.add(error.code())
        bad = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.UNKNOWN, grpc.StatusCode.DEADLINE_EXCEEDED}
        self.assertFalse(codes & bad, codes)
        self.assertEqual(self.completed().status, "completed")

    def test_connections_that_close_early_leave_it_well(self):
        host, port = TARGET.rsplit(":", 1)
        preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"
        for cut in range(1, len(preface) + 1):
            with socket.create_connection((host, int(port)), timeout=10) as connection:
                connection.sendall(preface[:cut])
        self.assertEqual(self.completed().status, "completed")


if __name__ == "__main__":
    unittest.main(verbosity=2)
