"""What do many requests at once get? Continuous batching in a closed loop: waiting, first token, pace, throughput.

C requests are always in flight: when one is answered the next takes its place. A request brings P prompt tokens and is
answered with O tokens. Between two of its tokens the engine takes one decode step of the whole batch, and in the course
of one answer the others that run each bring one prompt: in engines that mix, a prompt's chunk rides in a decode step
(Agrawal et al. 2023, arXiv:2308.16369), elsewhere it stops the others for its whole pass. Requests beyond those that
the engine runs at once wait their turn.
"""

from dataclasses import dataclass, replace

import numpy as np

from calculators import Quantity
from calculators.architecture import Architecture, active_parameters, all_tensors
from calculators.estimate import Estimate, Scenario, batch_per_replica, engine_division, weights_of, with_workload
from calculators.latency import decode_rows, mixed_rows, prompt_rows, seconds


@dataclass(frozen=True, kw_only=True, slots=True)
class Load:
    """What changes the work of a request: shares and counts, any may be an array.

    `prefix_hits`: the share of prompt tokens found in the prefix cache. `draft_tokens` are proposed a step and each is
    accepted with probability `acceptance` while those before it were (Leviathan et al. 2023, arXiv:2211.17192);
    `draft_cost` is the time of proposing one, as a share of a decode step.
    """

    prefix_hits: Quantity = 0.0
    draft_tokens: Quantity = 0
    acceptance: Quantity = 0.0
    draft_cost: Quantity = 0.0

    @property
    def tokens_per_step(self) -> Quantity:
        """Tokens that a sequence gains in a step, mean: 1 + a + a² + … + a^k, so k + 1 where all are accepted.

        >>> [float(Load(draft_tokens=k, acceptance=a).tokens_per_step) for k, a in ((3, 1.0), (1, 0.5), (9, 0.0))]
        [4.0, 1.5, 1.0]
        """
        accepted, drafts = np.asarray(self.acceptance, dtype=float), self.draft_tokens
        every = accepted >= 1
        below = np.where(every, 0.0, accepted)
        return np.where(every, drafts + 1.0, (1 - below ** (drafts + 1)) / (1 - below))[()]


PLAIN = Load()
MOST = 4096  # requests in flight that a search tries


@dataclass(frozen=True, kw_only=True, slots=True)
class Served:
    """What requests get in the steady state of a closed loop, means; and what the deployment gives in all."""

    running: Quantity  # requests that a copy works on at once; the rest wait
    waiting_s: Quantity  # in the queue, part of first_token_s
    first_token_s: Quantity
    token_s: Quantity
    step_s: Quantity  # of a decode step alone
    prefill_s: Quantity  # of one prompt alone
    request_s: Quantity
    requests_per_s: Quantity
    tokens_per_s: Quantity


def running_requests(scenario: Scenario, figures: Estimate | None = None) -> Quantity:
    """Requests that a copy runs at once, a count: those in flight, but no more than cache and engine take, at least 1.

    Each is counted at its full length, as on the Memory page. `figures`: its estimate where it is known.
    """
    batch, rule = batch_per_replica(scenario), scenario.engine.memory
    if rule is None:
        return batch
    _, most = rule.step(scenario.deployment.accelerator)
    if rule.sizes_cache:
        memory = figures.memory_bytes if figures else {}
        known = {"weights": weights_of(memory), "activations": memory["activations"]} if memory else {}
        most = np.minimum(most, np.floor(engine_division(scenario, rule, known).requests))
    return np.minimum(batch, np.maximum(most, 1))


def mtp_draft_cost(model: Architecture) -> float:
    """Time of drafting one token with the model's own multi-token-prediction layer, as a share of a decode step.

    The weights that it reads for one token over those that the model reads: DeepSeek-V3, arXiv:2412.19437, section 2.2.
    0 where the model has no such layer.
    """
    if not model.mtp:
        return 0.0
    head = model.hidden * model.vocabulary
    one = replace(model, blocks=(replace(model.mtp[0], count=1, positions=(), stored=None),), stored=())
    layer = sum(row.values * row.used * row.passes for row in all_tensors(one) if row.layers)
    return float((layer + head) / active_parameters(model))


def serve(scenario: Scenario, load: Load = PLAIN, figures: Estimate | None = None) -> Served:
    """Mean figures of `batch` requests in flight for ever, over all replicas. With R running of a copy's C:

    token_s = (step + stall x (R - 1) / O) / tokens a step: the stall is what a prompt adds to the steps it rides in.
    first_token_s = wait + request_s of the engine + half a step + the prompt's own steps + `grouping` of the prompts
    that share its chunk + `burst` of the R - 1 others' prompts.
    request_s = first_token_s + (O - 1) x token_s, of which the share (C - R) / C waits; requests_per_s = C / request_s.
    A single request meets no stall. Under pipeline parallel p micro-batches take turns on the stages. `figures`: the
    scenario's estimate where it is known: its times are those of a prompt alone and, where all run, of a step.
    """
    deployment, workload, engine = scenario.deployment, scenario.workload, scenario.engine
    inputs = (scenario.model, scenario.weight_format, scenario.cache_format, deployment, engine)
    stages, server = deployment.pipeline_parallel, engine.scheduler
    asked, running = batch_per_replica(scenario), running_requests(scenario, figures)
    batch, others = np.maximum(running / stages, 1), (running - 1) / stages
    workload = replace(workload, prefix_hits=np.maximum(workload.prefix_hits, load.prefix_hits))
    cached, prompt = workload.cached_tokens, workload.read_tokens
    queries, gained = 1 + load.draft_tokens, load.tokens_per_step
    room = engine.tokens_at_once(deployment.accelerator)
    left = np.maximum(room - (batch - 1) * queries, 1) if server.mixes else room  # the others' tokens go first
    passes = np.maximum(np.ceil(prompt / left), 1)
    chunk = prompt / passes
    context = workload.prompt_tokens + workload.output_tokens / 2
    if figures is not None and load is PLAIN and scenario.model.generates and np.all(running == asked):
        step, alone = figures.token_s, figures.first_token_s
    else:
        step = seconds(decode_rows(*inputs, batch=batch, context_tokens=context, queries=queries))
        alone = seconds(prompt_rows(*inputs, prompt_tokens=workload.prompt_tokens, cached_tokens=cached))
    step = step * (1 + load.draft_tokens * load.draft_cost)
    alone = alone - server.request_s
    if server.mixes:
        own: Quantity = passes * seconds(
            mixed_rows(
                *inputs, batch=np.maximum(batch - 1, 0), context_tokens=context, prompt_tokens=workload.prompt_tokens,
                chunk_tokens=chunk, queries=queries, cached_tokens=cached,
            )
        )  # fmt: skip
        stall: Quantity = np.maximum(own - step * passes, 0.0)
    else:
        own = stall = alone
    token_s = step / gained + np.maximum(1 - server.burst, 0) * stall * others / workload.output_tokens
    together = np.minimum(running, np.maximum(room / prompt, 1)) - 1
    queue = alone * (server.grouping * together + server.burst * np.maximum(others, 0))
    at_work = np.where(np.asarray(running) > 1, step / 2, 0.0)
    unqueued = server.request_s + at_work + own + queue
    served_s = unqueued + token_s * (workload.output_tokens - 1)
    waiting_s = served_s * (asked - running) / running
    request_s = served_s + waiting_s
    requests_per_s = workload.batch / request_s
    return Served(
        running=running,
        waiting_s=waiting_s,
        first_token_s=unqueued + waiting_s,
        token_s=token_s,
        step_s=step,
        prefill_s=alone,
        request_s=request_s,
        requests_per_s=requests_per_s,
        tokens_per_s=requests_per_s * workload.output_tokens,
    )


def largest_concurrency(
    scenario: Scenario, load: Load = PLAIN, *, first_token_s: Quantity = np.inf, token_s: Quantity = np.inf,
    limit: int = MOST,
) -> Quantity:  # fmt: skip
    """The most requests in flight, up to `limit`, with which both means still meet their targets; 0 where not one does.

    Every count is tried at once: waiting and pace need not grow evenly where requests queue. Targets may be arrays.
    """
    counts = np.arange(1, limit + 1)
    found = serve(with_workload(scenario, batch=counts), load)
    first, token = (np.asarray(target)[..., None] for target in (first_token_s, token_s))
    met = (found.first_token_s <= first) & (found.token_s <= token)
    return np.where(met.all(axis=-1), limit, met.argmin(axis=-1))[()]
