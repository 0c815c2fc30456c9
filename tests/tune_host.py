#!/usr/bin/env python3
"""tools/tune-host on an imitated machine: prints without touching, sets, and puts back byte for byte.

    tests/tune_host.py TOOL
"""
import json
import pathlib
import subprocess
import sys
import tempfile

CPU = "sys/devices/system/cpu"
THP = "sys/kernel/mm/transparent_hugepage/enabled"
PAGES = "sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"
MACHINE = {
    f"{CPU}/online": "0-3\n", f"{CPU}/isolated": "2-3\n",
    **{f"{CPU}/cpu{n}/cpufreq/scaling_governor": "powersave\n" for n in range(3)},
    f"{CPU}/cpu3/cpufreq/scaling_governor": "performance\n",
    f"{CPU}/cpu0/cpuidle/state0/latency": "0\n", f"{CPU}/cpu0/cpuidle/state0/disable": "0\n",
    f"{CPU}/cpu0/cpuidle/state2/latency": "133\n", f"{CPU}/cpu0/cpuidle/state2/disable": "0\n",
    PAGES: "8\n", THP: "[always] madvise never\n",
    "proc/sys/vm/swappiness": "60\n", "proc/sys/kernel/numa_balancing": "1\n",
    "proc/sys/kernel/timer_migration": "1\n", "proc/sys/kernel/perf_event_paranoid": "3\n",
    "proc/irq/9/smp_affinity_list": "0-3\n", "proc/irq/10/smp_affinity_list": "0-1\n",
    "proc/version": "Linux version 6.1.0 (Debian) #1 SMP PREEMPT_DYNAMIC\n",
    "proc/swaps": "Filename Type Size Used Priority\n/dev/sda2 partition 999 0 -2\n",
    "sys/devices/system/clocksource/clocksource0/current_clocksource": "tsc\n",
}
tool = sys.argv[1]


def run(root, *arguments, status=0):
    done = subprocess.run([sys.executable, tool, "--root", root, *arguments], capture_output=True, text=True)
    assert done.returncode == status, (arguments, done.returncode, done.stdout, done.stderr)
    return done.stdout


def content(root):
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def make(folder, files):
    root = pathlib.Path(folder) / "root"
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (root / "var/lib/sluice").mkdir(parents=True)
    return root


def test_round(folder):
    root = make(folder, MACHINE)
    before = content(root)
    rows = {row["item"]: row for row in json.loads(run(root, "--json"))}
    assert not rows["governor"]["fine"] and rows["governor"]["now"] == "performance, powersave"
    assert rows["isolated cores"] == rows["isolated cores"] | {"now": "2-3", "fine": True, "can_be_set": False}
    assert not rows["PREEMPT_RT"]["fine"] and not rows["swap"]["fine"] and rows["clocksource"]["fine"]
    assert "governor" in run(root)
    assert content(root) == before, "printing changes nothing"

    run(root, "--apply", "--hugepages", "32")
    state = root / "var/lib/sluice/tune-host.json"
    assert state.exists()
    set_up = {name: text for name, text in content(root).items() if text != before.get(name)}
    state_name = set_up.pop(str(state.relative_to(root)))
    assert state_name and {name: text.decode() for name, text in set_up.items()} == {
        **{f"{CPU}/cpu{n}/cpufreq/scaling_governor": "performance\n" for n in range(3)},
        f"{CPU}/cpu0/cpuidle/state2/disable": "1\n", PAGES: "32\n", THP: "always [madvise] never\n",
        "proc/sys/vm/swappiness": "1\n", "proc/sys/kernel/numa_balancing": "0\n",
        "proc/sys/kernel/timer_migration": "0\n", "proc/irq/9/smp_affinity_list": "0,1\n"}, set_up
    rows = json.loads(run(root, "--json", "--hugepages", "32"))
    assert all(row["fine"] for row in rows if row["can_be_set"]), rows
    assert "nothing to set" in run(root, "--apply", "--hugepages", "32")
    run(root, "--apply", "--hugepages", "40")  # again: what was found first is what counts
    assert (root / PAGES).read_text() == "40\n"

    run(root, "--undo")
    assert content(root) == before, "undone byte for byte"
    assert "nothing was set" in run(root, "--undo")


def test_left_alone(folder):
    """What somebody else changed since is not ours to put back."""
    root = make(folder, MACHINE)
    run(root, "--apply")
    (root / "proc/sys/vm/swappiness").write_text("5\n")
    run(root, "--undo", status=1)
    assert (root / "proc/sys/vm/swappiness").read_text() == "5\n"
    assert (root / THP).read_text() == MACHINE[THP]


def test_little(folder):
    """A machine with none of it, and wrong usage."""
    root = make(folder, {"proc/version": "Linux\n"})
    before = content(root)
    run(root)
    assert "nothing to set" in run(root, "--apply")
    assert content(root) == before
    run(root, "--apply", "--undo", status=2)
    run(root, "--apply", "--state", f"{folder}/nowhere/state.json", status=2)


for test in (test_round, test_left_alone, test_little):
    with tempfile.TemporaryDirectory() as place:
        test(place)
