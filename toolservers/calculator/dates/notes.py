"""What is told beside a result: the steps that led to it, and what the caller should look at."""

from dataclasses import dataclass, field


@dataclass
class Notes:
    steps: list[str] = field(default_factory=list[str])
    warnings: list[str] = field(default_factory=list[str])

    def step(self, text: str) -> None:
        self.steps.append(text)

    def warn(self, text: str) -> None:
        if text not in self.warnings:
            self.warnings.append(text)
