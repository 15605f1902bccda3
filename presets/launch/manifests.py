"""How does a start run in containers? A docker compose file for one machine, a Kubernetes manifest for a cluster.

A copy that takes several machines is a LeaderWorkerSet (lws.sigs.k8s.io), which tells each pod its number and its
leader's address: docs.vllm.ai, deployment/frameworks/lws; github.com/kubernetes-sigs/lws, docs/examples/sglang.
"""

from collections.abc import Iterator, Sequence
from math import ceil
from typing import Any

from calculators.memory import weight_bytes
from presets.catalog import UNIFIED, accelerator_facts
from presets.launch import HEAD, MISSING, OPTIONS_FILE, CannotStart, Start
from presets.launch.block import block
from presets.launch.documented import surroundings

GIB = 2**30
SHARED_GIB = 2  # of /dev/shm for each device: docs.vllm.ai/en/stable/deployment/k8s gives one device 2 GiB
# Choices, no measurements: a start may download its weights at 1 Gbit/s and then take ten minutes.
DOWNLOAD_BYTES_PER_S, WARM_UP_S, PROBE_S = 125_000_000, 600, 10
# What names the devices that a process sees: rocm.docs.amd.com, GPU isolation; vllm/platforms/xpu.py of Level Zero.
CHOSEN = {"AMD": "HIP_VISIBLE_DEVICES", "Intel": "ZE_AFFINITY_MASK"}
CACHE = "/root/.cache/huggingface"
LEADER, NUMBER = "$(LWS_LEADER_ADDRESS)", "$(LWS_WORKER_INDEX)"  # that a LeaderWorkerSet sets in each pod


def image(start: Start) -> str:
    """The container image; a placeholder where its tag depends on the card; raises CannotStart where there is none."""
    starter = start.starter
    card = str(start.scenario.deployment.accelerator.name)
    if start.vendor not in starter.images or (start.vendor == "NVIDIA" and accelerator_facts()[card].kind in UNIFIED):
        raise CannotStart(f"{starter.name} documents no image for {card}: start the command without a container.")
    found = starter.images[start.vendor]
    return found or f"{starter.images['NVIDIA'].partition(':')[0]}:{MISSING}"


def start_up_s(start: Start) -> int:
    """Seconds that a copy may take until it answers: a download at 1 Gbit/s and ten minutes, a choice."""
    size = weight_bytes(start.scenario.model, start.scenario.weight_format)
    return ceil((size / DOWNLOAD_BYTES_PER_S + WARM_UP_S) / 60) * 60


def host_gib(start: Start) -> int:
    """GiB of a machine's memory that a copy asks for: its weights pass through it as they load, and shared memory."""
    size = weight_bytes(start.scenario.model, start.scenario.weight_format)
    return ceil(size / GIB / start.machines) + SHARED_GIB * _devices(start)


def _devices(start: Start) -> int:
    """Devices of one machine of a copy, a count."""
    return start.devices // start.machines


def _runs_file(start: Start) -> bool:
    """Whether the weights are a file of the visitor's, rather than a repository."""
    return start.model.startswith("/models/")


def _arguments(start: Start, arguments: Sequence[str]) -> list[str]:
    """The arguments within a container, where the options file stands in /etc."""
    return [f"/etc/{OPTIONS_FILE}" if each == OPTIONS_FILE and start.options else each for each in arguments]


def _head(start: Start, what: str) -> str:
    """Comments at the top of a file: what it is of, by which version's documents, what must still be stated."""
    starter = start.starter
    lines = [
        f"{what} of {start.label} on {starter.name}, as version {starter.version} documents ({starter.checked}).",
        *(note for note in start.notes if HEAD not in note and not note.startswith("This starts one of")),
        *(_cluster_notes(start) if what == "Kubernetes manifest" else _machine_notes(start)),
    ]
    if MISSING in image(start):
        lines.append(f"State the image's tag for your card: {starter.images_source}")
    return "".join(f"# {_plain(line)}\n" for line in lines)


def _machine_notes(start: Start) -> Iterator[str]:
    if not _runs_file(start):
        yield "If the repository asks who you are, put your Hugging Face token into HF_TOKEN before the start."
    if start.vendor != "NVIDIA":
        yield "VIDEO_GROUP and RENDER_GROUP: the numbers that `getent group video render` prints."


def _cluster_notes(start: Start) -> Iterator[str]:
    around = surroundings(str(start.scenario.deployment.accelerator.name))
    if start.machines > 1:
        yield "The LeaderWorkerSet controller must run in the cluster: https://lws.sigs.k8s.io/docs/installation/."
        yield "Its pods meet over the cluster's network; InfiniBand takes a resource of its own, not written here."
    if around and around.note:
        yield f"{around.resource}, or {around.note}."
    if _runs_file(start):
        yield "Put the file on the PersistentVolumeClaim `models`."
    else:
        size = ceil(weight_bytes(start.scenario.model, start.scenario.weight_format) / GIB)
        yield "If the repository asks who you are: kubectl create secret generic huggingface --from-literal=token=..."
        yield f"Each pod downloads {size:,} GiB into `weights`: a PersistentVolumeClaim in its place keeps them."


def _plain(text: str) -> str:
    """A comment's text: one line of printable letters."""
    return "".join(c if c.isprintable() else " " for c in text)


def compose(start: Start) -> str:
    """A docker compose file: a service a copy, each with devices of its own; raises CannotStart beyond one machine."""
    starter, deployment = start.starter, start.scenario.deployment
    around = surroundings(str(deployment.accelerator.name))
    copies = int(deployment.replicas)
    most = (around and around.machine_devices) or int(deployment.accelerator.node_devices)
    if start.machines > 1:
        raise CannotStart(
            f"One copy takes {start.machines} machines and docker compose runs on one: take the commands, one on each "
            "machine, or the Kubernetes manifest."
        )
    if copies * start.devices > most:
        raise CannotStart(
            f"{copies} copies of {start.devices} devices are more than the {most} that one machine joins: "
            "docker compose runs on one machine, take the Kubernetes manifest."
        )
    services: dict[str, Any] = {}
    for copy in range(copies):
        port = starter.port + copy
        devices = [str(copy * start.devices + device) for device in range(start.devices)]
        service: dict[str, Any] = {"image": image(start)}
        if starter.contained:
            service["entrypoint"] = list(starter.contained)
        service["command"] = [each.replace("$", "$$") for each in _arguments(start, start.arguments)]
        service |= {"ports": [f"{port}:{starter.port}"], "ipc": "host", "restart": "unless-stopped"}
        volumes = ["./models:/models:ro"] if _runs_file(start) else [f"~/.cache/huggingface:{CACHE}"]
        if start.options:
            volumes.append(f"./{OPTIONS_FILE}:/etc/{OPTIONS_FILE}:ro")
        service["volumes"] = volumes
        environment = {} if _runs_file(start) else {"HF_TOKEN": "${HF_TOKEN:-}"}
        if start.vendor == "NVIDIA":
            reservation = {"driver": "nvidia", "device_ids": devices, "capabilities": ["gpu"]}
            service["deploy"] = {"resources": {"reservations": {"devices": [reservation]}}}
        else:
            service["devices"] = (["/dev/kfd"] if start.vendor == "AMD" else []) + ["/dev/dri"]
            service["group_add"] = ["${VIDEO_GROUP:-video}", "${RENDER_GROUP:-render}"]
            environment[CHOSEN[start.vendor]] = ",".join(devices)
            if start.vendor == "AMD":
                service["security_opt"] = ["seccomp=unconfined"]
        if environment:
            service["environment"] = environment
        test = f"curl -fsS http://localhost:{starter.port}{starter.health}"
        service["healthcheck"] = {
            "test": ["CMD-SHELL", test], "interval": "10s", "timeout": "5s", "retries": 3,
            "start_period": f"{start_up_s(start)}s",
        }  # fmt: skip
        services[start.label if copies == 1 else f"{start.label}-{copy + 1}"] = service
    return _head(start, "docker compose") + block({"services": services})


def kubernetes(start: Start) -> str:
    """A Kubernetes manifest: Deployment, or LeaderWorkerSet where a copy takes several machines, Service, and a
    ConfigMap for an options file; raises CannotStart for devices and launchers that it has no pod for."""
    starter, name = start.starter, start.label
    around = surroundings(str(start.scenario.deployment.accelerator.name))
    if around is None:
        raise CannotStart(f"No Kubernetes resource of {start.vendor}'s devices is known here, so no manifest is made.")
    if start.launcher:
        raise CannotStart(
            f"{starter.name} joins machines by MPI, which no manifest is written for here: take the command, for Slurm."
        )
    copies, labels = int(start.scenario.deployment.replicas), {"app": name}
    selector: dict[str, str] = labels
    spec: dict[str, Any] = {"replicas": copies, "selector": {"matchLabels": labels}}
    if start.machines == 1:
        spec["template"] = {"metadata": {"labels": labels}, "spec": _pod(start, start.arguments, around.resource)}
        kind = {"apiVersion": "apps/v1", "kind": "Deployment"}
    else:
        selector = {"leaderworkerset.sigs.k8s.io/name": name, "role": "leader"}
        leader = _pod(start, start.arguments_on(0, LEADER), around.resource)
        worker = _pod(start, start.arguments_on(NUMBER, LEADER), around.resource, answers=False)
        spec = {
            "replicas": copies,
            "leaderWorkerTemplate": {
                "size": start.machines,
                "restartPolicy": "RecreateGroupOnPodRestart",
                "leaderTemplate": {"metadata": {"labels": labels | {"role": "leader"}}, "spec": leader},
                "workerTemplate": {"metadata": {"labels": labels}, "spec": worker},
            },
        }
        kind = {"apiVersion": "leaderworkerset.x-k8s.io/v1", "kind": "LeaderWorkerSet"}
    documents: list[dict[str, Any]] = [
        {**kind, "metadata": {"name": name, "labels": labels}, "spec": spec},
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": name if start.machines == 1 else f"{name}-leader", "labels": labels},
            "spec": {
                "selector": selector,
                "ports": [{"name": "http", "port": starter.port, "targetPort": "http"}],
            },
        },
    ]
    if start.options:
        documents.append(
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": f"{name}-options", "labels": labels},
                "data": {OPTIONS_FILE: start.options},
            }
        )
    return _head(start, "Kubernetes manifest") + "---\n".join(map(block, documents))


def _pod(start: Start, arguments: Sequence[str], resource: str, *, answers: bool = True) -> dict[str, Any]:
    """The pod of one machine of a copy; one that does not answer has no port and no probes."""
    starter, name = start.starter, start.label
    probe = {"httpGet": {"path": starter.health, "port": "http"}, "periodSeconds": PROBE_S}
    mounts = [{"name": "shared-memory", "mountPath": "/dev/shm"}]
    shared = {"medium": "Memory", "sizeLimit": f"{SHARED_GIB * _devices(start)}Gi"}
    volumes: list[dict[str, Any]] = [{"name": "shared-memory", "emptyDir": shared}]
    container: dict[str, Any] = {"name": "server", "image": image(start)}
    if starter.contained:
        container["command"] = list(starter.contained)
    container["args"] = _arguments(start, arguments)
    if answers:
        container["ports"] = [{"name": "http", "containerPort": starter.port}]
    if _runs_file(start):
        mounts.append({"name": "models", "mountPath": "/models"})
        volumes.append({"name": "models", "persistentVolumeClaim": {"claimName": "models", "readOnly": True}})
    else:
        token = {"secretKeyRef": {"name": "huggingface", "key": "token", "optional": True}}
        container["env"] = [{"name": "HF_TOKEN", "valueFrom": token}]
        mounts.append({"name": "weights", "mountPath": CACHE})
        volumes.append({"name": "weights", "emptyDir": {}})
    if start.options:
        mounts.append({"name": "options", "mountPath": f"/etc/{OPTIONS_FILE}", "subPath": OPTIONS_FILE})
        volumes.append({"name": "options", "configMap": {"name": f"{name}-options"}})
    container["resources"] = {
        "limits": {resource: _devices(start)},
        "requests": {"memory": f"{host_gib(start)}Gi"},
    }
    if answers:
        container["startupProbe"] = probe | {"failureThreshold": start_up_s(start) // PROBE_S}
        container["readinessProbe"] = probe | {"failureThreshold": 3}
        container["livenessProbe"] = probe | {"failureThreshold": 3, "timeoutSeconds": 5}
    container["volumeMounts"] = mounts
    return {"containers": [container], "volumes": volumes}
