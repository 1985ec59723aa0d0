"""What a run did and what an index holds, in sentences; the same as data is what `--json` prints."""

from collections.abc import Iterable, Mapping

from toolservers.search.ingestion.lock import Holder
from toolservers.search.ingestion.report import Counts, Coverage, Report
from toolservers.search.sources import Source

_SHOWN = 20
"""Lines of a list; the rest is counted, and `--json` has all."""


def ingested(source: Source, report: Report) -> str:
    lines = [f"{source.called} ({source.folder}): {counted(report.counts)} in {report.seconds:.1f} s"]
    lines += [f"  {line}" for line in covered(report.coverage)]
    if report.skipped:
        passed = ", ".join(f"{count:,} {why}" for why, count in sorted(report.skipped.items()))
        lines.append(f"  passed over: {passed}")
    return "\n".join(lines)


def counted(counts: Counts) -> str:
    """`3 added, 1 renamed, 55 unchanged; 2.1 MB read`."""
    what = ("added", "changed", "renamed", "removed", "unchanged", "refused")
    said = [f"{number:,} {name}" for name in what if (number := getattr(counts, name))]
    read = f"; {counts.bytes / 1e6:.1f} MB read" if counts.bytes else ""
    return (", ".join(said) or "no files") + read


def covered(coverage: Coverage) -> list[str]:
    lines = [
        f"documents: {coverage.documents:,} ({coverage.duplicates:,} like another one); characters: "
        f"{coverage.characters:,}, {percent(coverage.share)} of what the files that were read have"
    ]
    partial = (
        f"{document.id} ({percent(document.share)}): {' '.join(document.left_out)}"
        for document in coverage.partial
    )
    problems = (f"{problem.path}: {problem.message} ({problem.why})" for problem in coverage.problems)
    lines += _list("in part", partial, len(coverage.partial))
    return lines + _list("not in the index", problems, len(coverage.problems))


def percent(share: float) -> str:
    """Rounded down: 100 % is said of a whole alone."""
    return f"{int(share * 1000) / 10:g} %"


def refused(reasons: Mapping[str, str]) -> list[str]:
    """Of sources that cannot be watched any more."""
    return [f"{name}: left as it is. {reason}" for name, reason in reasons.items()]


def kept_by(holder: Holder | None) -> str:
    """Who has the lock of an index; for a sentence's beginning."""
    if holder is None or not holder.pid:
        return "Another process"
    return f"Process {holder.pid} ({one_line(holder.doing)})"


def _list(title: str, lines: Iterable[str], number: int) -> list[str]:
    if not number:
        return []
    shown = [f"  {one_line(line)}" for line, _ in zip(lines, range(_SHOWN), strict=False)]
    more = [f"  and {number - _SHOWN:,} more (--json has all)"] if number > _SHOWN else []
    return [f"{title}: {number:,}", *shown, *more]


def one_line(text: str) -> str:
    """Names of files may have anything in them, what steers a terminal too."""
    return "".join(sign if sign.isprintable() else " " for sign in text)[:500]
