"""The marks: our CPU time divided by that of the fastest accurate peer of the same run, at most."""
from dataclasses import dataclass


@dataclass(frozen=True)
class Mark:
    kind: str
    size: int
    variant: str
    at_most: float | None  # None: measured, without a mark
    accuracy: float = 1e-8  # of the objective, relative to the reference; of contributions, weights or moments
    group: str = "small"

    @property
    def name(self):
        return " ".join(part for part in (self.kind, str(self.size), self.variant) if part)

    @property
    def repetitions(self):
        """Of ours: many where a solve takes microseconds."""
        if self.group == "large":
            return 3
        return 100 if self.size <= 100 and self.kind not in ("cvar", "card") else 10


MARKS = [
    Mark("mv", 20, "full", 0.5),
    Mark("mv", 20, "shrunk", 0.5),
    Mark("mv", 100, "full", 0.3),
    Mark("mv", 100, "shrunk", 0.3),
    Mark("mv", 500, "full", 0.05),
    Mark("mv", 500, "shrunk", 0.05),
    Mark("mv", 1000, "full", 0.02, group="large"),
    Mark("mv", 2000, "full", 0.005, group="large"),
    Mark("frontier", 31, "", 0.3),
    Mark("frontier", 98, "", 0.15),
    Mark("frontier", 225, "", 0.05),
    Mark("frontier", 500, "", 0.03),
    Mark("sharpe", 20, "plain", 0.5),
    Mark("sharpe", 100, "plain", 0.1),
    Mark("sharpe", 500, "plain", 0.02),
    Mark("sharpe", 1000, "plain", 0.005, group="large"),
    Mark("sharpe", 500, "turn", 0.02),
    Mark("target", 100, "plain", 0.3),
    Mark("target", 500, "plain", 0.05),
    Mark("target", 1000, "plain", 0.02, group="large"),
    Mark("target", 500, "turn", 0.02),
    *(
        Mark("factor", size, variant, at_most, group=group)
        for size, at_most, group in ((1000, 0.15, "small"), (3000, 0.1, "small"), (10000, 0.07, "large"))
        for variant in ("box", "turn", "cost")
    ),
    Mark("cvar", 100, "2000", 0.2),
    Mark("cvar", 500, "5000", 0.1, group="large"),
    Mark("cvar", 500, "10000", 0.08, group="large"),
    Mark("riskparity", 500, "equal", 1.0, 1e-10),
    Mark("riskparity", 500, "budget", 1.0, 1e-10),
    Mark("riskparity", 2000, "equal", 1.0, 1e-10, group="large"),
    Mark("riskparity", 2000, "budget", 1.0, 1e-10, group="large"),
    Mark("hrp", 500, "", 0.3, 1e-10),
    Mark("hrp", 2000, "", 0.7, 1e-10, group="large"),
    Mark("card", 31, "mv", 0.005, 1e-6),
    Mark("card", 31, "minvar", 0.005, 1e-6),
    Mark("card", 98, "mv", None, 1e-6, group="long"),
    Mark("card", 98, "minvar", None, 1e-6, group="long"),
    Mark("bl", 500, "", 0.8, 1e-10),
    Mark("robust", 100, "", None),
    Mark("robust", 500, "", None),
]
GROUPS = ("small", "large", "long")
