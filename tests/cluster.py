"""A one-machine Slurm for the tests: five nodes on loopback, each with two stand-ins for GPUs.

Three are for everybody, two for tests that take nodes away from jobs, one test at a time (`apart`).

make test-slurm; or by hand: python tests/cluster.py start | jobs | stop

It installs Debian's or Ubuntu's packages if they are missing, writes /etc/slurm/slurm.conf and gres.conf only where
there are none, and removes them when it stops. Test processes share one: the last to leave stops it.
"""

import contextlib
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

NODES, CPUS, MEMORY, GPUS = 5, 6, 8000, 2  # memory in MB; Slurm takes our word for all of it
NODE_NAMES = [f"n{i}" for i in range(1, NODES + 1)]
DAEMONS = (*NODE_NAMES, "slurmctld", "munged")  # in the order in which they are stopped
CONFIG = Path("/etc/slurm")
STATE = Path("/var/tmp/scoregap-slurm")  # state, logs and pid files of the daemons
LOCK = Path(f"/var/tmp/scoregap-slurm-{os.getuid()}.lock")
USERS = Path(f"/var/tmp/scoregap-slurm-{os.getuid()}.users")
APART = Path(f"/var/tmp/scoregap-slurm-{os.getuid()}.apart")
HISTORY = Path(f"/var/tmp/scoregap-slurm-{os.getuid()}.jobs")  # the jobs of the last one that was stopped
OURS = "# written by scoregap's tests, and removed by them\n"
PACKAGES = ("slurmctld", "slurmd", "slurm-client", "munge")
PROGRAMS = ("slurmctld", "slurmd", "sbatch", "squeue", "munged")
UP = {"idle", "mixed", "allocated", "completing"}  # states of nodes that take jobs
START = 30.0  # seconds until all nodes must be idle

# /etc/slurm it must be: the environment variable SLURM_CONF does not reach the job steps.
SLURM_CONF = """\
ClusterName=scoregap
SlurmctldHost=localhost
SlurmctldPort={ports[0]}
SlurmUser=root
AuthType=auth/munge
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmdParameters=config_overrides
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=1
JobAcctGatherParams=OverMemoryKill
GresTypes=gpu
ReturnToService=1
JobRequeue=0
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
MinJobAge=3600
KillWait=5
StateSaveLocation={state}/controller
SlurmdSpoolDir={state}/%n
SlurmctldPidFile={state}/controller/pid
SlurmdPidFile={state}/%n/pid
SlurmctldLogFile={state}/slurmctld.log
SlurmdLogFile={state}/%n.log
{nodes}
PartitionName=main Nodes=n[1-3] Default=YES MaxTime=INFINITE State=UP
PartitionName=short Nodes=n[1-3] MaxTime=5 State=UP
PartitionName=bulk Nodes=n[1-2] MaxTime=INFINITE State=UP
PartitionName=apart Nodes=n[4-5] MaxTime=INFINITE State=UP
PartitionName=urgent Nodes=n[4-5] MaxTime=INFINITE PriorityTier=2 State=UP
"""
NODE_CONF = (
    "NodeName=n{i} NodeHostname=localhost NodeAddr=127.0.0.1 Port={port} CPUs={cpus} RealMemory={memory} "
    "Gres=gpu:{gpus} State=UNKNOWN"
)
GRES_CONF = "NodeName=n[1-{count}] Name=gpu File=/dev/tty[0-{last}]\n"
COLUMNS = "JobID:6,State:11,NodeList:9,TimeUsed:10,TimeLimit:11,NumCPUs:6,MinMemory:11,tres-per-job:13,Comment:90"


class Unavailable(Exception):
    """There can be no Slurm of ours on this machine; the text says why."""


def root(*command: str, **kwargs) -> subprocess.CompletedProcess:
    """Run a command as root. Raises Unavailable if it fails."""
    if os.geteuid() != 0:
        command = ("sudo", "-n", *command)
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True, **kwargs)
    except FileNotFoundError as error:
        raise Unavailable(f"{error.filename} is not there") from None
    except subprocess.CalledProcessError as error:
        last = (error.stderr or error.stdout).strip().splitlines() or ["no message"]
        raise Unavailable(f"`{' '.join(command[:4])}` failed: {last[-1]}") from None


def install() -> None:
    """Install Slurm and munge unless they are there."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    missing = [program for program in PROGRAMS if not shutil.which(program, path=path)]
    if not missing:
        return
    if not shutil.which("apt-get"):
        raise Unavailable(f"{', '.join(missing)} not installed, and no apt-get to install with")
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    root("true")
    get = ("apt-get", "-q", "-o", "DPkg::Lock::Timeout=60")
    with contextlib.suppress(Unavailable):  # old lists may do
        root(*get, "update", env=environment)
    root(*get, "install", "--yes", "--no-install-recommends", *PACKAGES, env=environment)


def free_ports(count: int) -> list[int]:
    """Ports on loopback that nobody uses now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def configure() -> None:
    """Write Slurm's configuration. Raises Unavailable where somebody else's is."""
    for name in ("slurm.conf", "gres.conf"):
        if (CONFIG / name).exists() and not (CONFIG / name).read_text().startswith(OURS):
            raise Unavailable(f"{CONFIG / name} is somebody else's: the tests leave it alone")
    ports = free_ports(1 + NODES)
    nodes = "\n".join(
        NODE_CONF.format(i=i, port=ports[i], cpus=CPUS, memory=MEMORY, gpus=GPUS) for i in range(1, NODES + 1)
    )
    slurm = SLURM_CONF.format(ports=ports, state=STATE, nodes=nodes)
    gres = GRES_CONF.format(count=NODES, last=GPUS - 1)
    root("rm", "-rf", str(STATE))
    root("mkdir", "-p", str(CONFIG), *(str(STATE / name) for name in ("controller", *NODE_NAMES)))
    root("tee", str(CONFIG / "slurm.conf"), input=OURS + slurm)
    root("tee", str(CONFIG / "gres.conf"), input=OURS + gres)


def daemon(name: str, command: str) -> None:
    """Start a daemon as root, in a session of its own; its output goes to NAME.out, its process id to NAME.pid."""
    out, pid = STATE / f"{name}.out", STATE / f"{name}.pid"
    root("sh", "-c", f"PATH=$PATH:/usr/sbin:/sbin; setsid {command} </dev/null >{out} 2>&1 & echo $! >{pid}")


def running() -> bool:
    """Whether our controller answers."""
    conf = CONFIG / "slurm.conf"
    return (
        conf.exists()
        and conf.read_text().startswith(OURS)
        and pid_of(STATE / "slurmctld.pid") is not None
        and subprocess.run(["scontrol", "ping"], capture_output=True, check=False).returncode == 0
    )


def pid_of(file: Path) -> int | None:
    """The living process that a pid file names."""
    if not file.exists():
        return None
    pid = file.read_text().strip()
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return None
    return int(pid) if state != "Z" else None  # a zombie waits for a parent that does not care


def start() -> None:
    """Install, configure and start; returns when every node is idle. Raises Unavailable."""
    if sys.platform != "linux":
        raise Unavailable("Slurm needs Linux")
    install()
    configure()
    try:
        if subprocess.run(["munge", "-n"], capture_output=True, check=False).returncode:
            root("install", "--directory", "--owner=munge", "/run/munge")
            daemon("munged", "setpriv --reuid=munge --regid=munge --clear-groups munged --foreground")
        daemon("slurmctld", "slurmctld -D -c")
        for name in NODE_NAMES:
            daemon(name, f"slurmd -D -N {name}")
        deadline = time.monotonic() + START
        while states() != ["idle"] * NODES:
            if time.monotonic() > deadline:
                said = (STATE / "slurmctld.log").read_text().splitlines()[-1:]
                raise Unavailable(f"Slurm did not start: nodes are {states()}; it says: {''.join(said)}")
            time.sleep(0.2)
    except Unavailable:
        stop()
        raise


def mend() -> None:
    """Start the daemons of nodes again that have been killed, and return when every node takes jobs."""
    for name in NODE_NAMES:
        if not pid_of(STATE / f"{name}.pid"):
            daemon(name, f"slurmd -D -N {name}")
    deadline = time.monotonic() + START
    while not UP.issuperset(states()):
        for name, state in zip(NODE_NAMES, states(), strict=True):
            if state not in UP:
                with contextlib.suppress(Unavailable):  # it is on its way by itself
                    root("scontrol", "update", f"nodename={name}", "state=resume")
        time.sleep(0.5)
        if time.monotonic() > deadline:
            raise Unavailable(f"nodes are {', '.join(states())}")


def states() -> list[str]:
    """State of every node."""
    asked = ["sinfo", "-h", "-N", "-o", "%N %T"]
    told = subprocess.run(asked, capture_output=True, text=True, check=False)
    by_node = dict(line.split() for line in told.stdout.splitlines())  # a node has a line per partition
    return [by_node.get(name, "unknown") for name in NODE_NAMES]


def jobs(name: str = "") -> str:
    """All jobs that Slurm has seen, or those of a name, a line each: state, node, CPUs, memory, GPUs, times, what."""
    asked = ["squeue", "--states=all", "--sort=i", "-O", COLUMNS, *([f"--name={name}"] if name else [])]
    told = subprocess.run(asked, capture_output=True, text=True, check=False).stdout
    return "\n".join(line.rstrip() for line in told.splitlines())


def stop() -> None:
    """End our jobs and daemons, the latter by their pid files, and remove our configuration."""
    if running():
        subprocess.run(
            ["scancel", f"--user={os.getuid()}", "--signal=KILL", "--full"], capture_output=True, check=False
        )
        subprocess.run(["scancel", f"--user={os.getuid()}"], capture_output=True, check=False)
        deadline = time.monotonic() + 20.0  # for jobs that still end: their processes would outlive Slurm
        while subprocess.run(["squeue", "-h"], capture_output=True, check=False).stdout and time.monotonic() < deadline:
            time.sleep(0.2)
    files = [STATE / f"{name}.pid" for name in DAEMONS]
    for number, patience in ((signal.SIGTERM, 10.0), (signal.SIGKILL, 2.0)):
        pids = [pid for pid in map(pid_of, files) if pid]
        for pid in pids:
            with contextlib.suppress(Unavailable):  # it has ended by itself
                root("kill", f"-{number.value}", str(pid))
        deadline = time.monotonic() + patience
        while any(map(pid_of, files)) and time.monotonic() < deadline:
            time.sleep(0.1)
    ours = [conf for conf in (CONFIG / "slurm.conf", CONFIG / "gres.conf") if conf.exists()]
    ours = [conf for conf in ours if conf.read_text().startswith(OURS)]
    root("rm", "-rf", *map(str, ours), str(STATE))


@contextlib.contextmanager
def shared():
    """A running Slurm, started by the first process that asks and stopped by the last that leaves.

    Raises Unavailable where there can be none.
    """
    with USERS.open("w") as users:
        with alone():
            if not running():
                start()
            fcntl.flock(users, fcntl.LOCK_SH)
        try:
            yield
        finally:
            with alone():
                try:
                    fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    pass  # another process uses it
                else:
                    HISTORY.write_text(jobs())
                    stop()


@contextlib.contextmanager
def apart():
    """Only one process at a time takes nodes away from jobs."""
    with APART.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def alone():
    """Only one process at a time starts or stops Slurm."""
    with LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    commands = {"start": start, "jobs": lambda: print(jobs()), "stop": stop}
    if len(sys.argv) != 2 or sys.argv[1] not in commands:
        sys.exit("usage: python tests/cluster.py start | jobs | stop")
    try:
        commands[sys.argv[1]]()
    except Unavailable as reason:
        sys.exit(f"no Slurm here: {reason}")
