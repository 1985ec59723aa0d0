from toolward.telemetry.metrics import MAX_SERIES, Counter, Gauge, Histogram, render
from toolward.telemetry.names import OTHER


def lines(*metrics: Counter | Gauge | Histogram) -> list[str]:
    return render(*metrics).decode().splitlines()


def test_the_text_is_what_prometheus_reads() -> None:
    counter, gauge = Counter("calls_total", "Calls.", ("tool", "outcome")), Gauge("in_work", "Now.")
    counter.add("add", "ok")
    counter.add("add", "ok")
    counter.add('odd "name"\\\n', "ok")
    gauge.value = 3
    assert lines(counter, gauge) == [
        "# HELP calls_total Calls.",
        "# TYPE calls_total counter",
        'calls_total{tool="add",outcome="ok"} 2',
        'calls_total{tool="odd \\"name\\"\\\\\\n",outcome="ok"} 1',
        "# HELP in_work Now.",
        "# TYPE in_work gauge",
        "in_work 3",
    ]


def test_a_histogram_counts_upwards_and_ends_with_everything() -> None:
    seconds = Histogram("seconds", "Time.", ("tool",))
    for value in (0.001, 0.002, 0.3, 100.0):
        seconds.observe(value, "add")
    found = lines(seconds)
    assert 'seconds_bucket{tool="add",le="0.001"} 1' in found
    assert 'seconds_bucket{tool="add",le="0.0025"} 2' in found
    assert 'seconds_bucket{tool="add",le="30.0"} 3' in found
    assert 'seconds_bucket{tool="add",le="+Inf"} 4' in found
    assert found[-2:] == ['seconds_sum{tool="add"} 100.303', 'seconds_count{tool="add"} 4']


def test_callers_cannot_make_series_without_end() -> None:
    counter, seconds = Counter("calls_total", "Calls.", ("tool",)), Histogram("seconds", "Time.", ("tool",))
    for number in range(2 * MAX_SERIES):
        counter.add(f"tool {number}")
        seconds.observe(1, f"tool {number}")
    counter.add("tool 0")
    assert len(lines(counter)) == 2 + MAX_SERIES + 1
    assert lines(counter)[2] == 'calls_total{tool="tool 0"} 2'
    assert lines(counter)[-1] == f'calls_total{{tool="{OTHER}"}} {MAX_SERIES}'
    assert lines(seconds)[-1] == f'seconds_count{{tool="{OTHER}"}} {MAX_SERIES}'
