"""A SLURM of one node, for as long as a test takes: munge, a controller and a node, all of our own."""

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import time

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "sinfo", "scontrol", "scancel")

CONFIGURATION = """\
ClusterName=test
SlurmctldHost=localhost(127.0.0.1)
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge/munge.socket,cred_expire=5
CryptoType=crypto/munge
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=2,bf_interval=1
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
ReturnToService=2
JobRequeue=1
MailProg=/bin/true
SlurmctldPort={controller}
SlurmdPort={node}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/log/slurmctld.log
SlurmdLogFile={folder}/log/slurmd.log
SlurmdParameters=config_overrides
KillWait=5
MinJobAge=300
NodeName=localhost NodeAddr=127.0.0.1 CPUs=2 RealMemory=4000 State=UNKNOWN
PartitionName=debug Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def find_missing():
    """Why there can be no SLURM here; None if there can."""
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        return f"SLURM is not installed: no {', '.join(missing)}"
    return None if os.geteuid() == 0 else "SLURM's node is started by root alone"


@contextlib.contextmanager
def start_slurm(folder):
    """Start the three, and yield the environment in which commands find them; end them afterwards."""
    for name in ("state", "spool", "log", "munge"):
        (folder / name).mkdir(parents=True)
    munge = folder / "munge"
    munge.chmod(0o711)
    key = munge / "munge.key"
    key.touch(mode=0o600)
    key.write_bytes(secrets.token_bytes(128))
    configuration = folder / "slurm.conf"
    controller, node = _find_ports()
    said = CONFIGURATION.format(folder=folder, controller=controller, node=node)
    configuration.write_text(said)
    environment = {**os.environ, "SLURM_CONF": str(configuration)}
    files = {
        **{"key-file": key, "socket": munge / "munge.socket", "pid-file": munge / "munged.pid"},
        **{"log-file": munge / "munged.log", "seed-file": munge / "munged.seed"},
    }
    started = []
    try:
        for command in (
            ["munged", "--force", "--foreground", *(f"--{name}={file}" for name, file in files.items())],
            ["slurmctld", "-D", "-f", str(configuration)],
            ["slurmd", "-D", "-N", "localhost", "-f", str(configuration)],
        ):
            with (folder / "log" / f"{command[0]}.out").open("wb") as log:
                started.append(subprocess.Popen(command, env=environment, stdout=log, stderr=log))
            if command[0] == "munged":
                _wait_for(files["socket"].exists)
        _wait_for(lambda: "idle" in ask(["sinfo", "-h", "-o", "%t"], environment))
        yield environment
    finally:
        for process in reversed(started):
            process.terminate()
        for process in reversed(started):
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=20)
            process.kill()
            process.wait()


def ask(command, environment):
    """What a command prints."""
    found = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return found.stdout.strip()


def wait_for_jobs(environment, seconds=180):
    """Until no job is queued or at work."""
    _wait_for(lambda: not ask(["squeue", "-h"], environment), seconds)


def _wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"SLURM took more than {seconds} s")
        time.sleep(0.2)


def _find_ports():
    with socket.socket() as one, socket.socket() as two:
        one.bind(("127.0.0.1", 0))
        two.bind(("127.0.0.1", 0))
        return one.getsockname()[1], two.getsockname()[1]
