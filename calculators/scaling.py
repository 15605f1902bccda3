"""What loss does a training budget buy, and which size spends it best? Scaling laws of the form E + A/N^a + B/D^b."""

from dataclasses import dataclass

from calculators import Quantity

FLOPS_PER_PARAMETER_TOKEN = 6  # forward 2, backward 4: Kaplan et al. 2020, arXiv:2001.08361, section 2.1


@dataclass(frozen=True, kw_only=True, slots=True)
class ScalingLaw:
    """Loss in nats a token of a model of N parameters trained on D tokens; fitted between two budgets in FLOPs."""

    name: str
    irreducible: float
    parameter_scale: float
    token_scale: float
    parameter_exponent: float
    token_exponent: float
    fitted_flops: tuple[float, float]
    source: str


def training_flops(parameters: Quantity, tokens: Quantity) -> Quantity:
    """FLOPs to train: 6 x parameters x tokens; attention over the context is left out, as the laws leave it out."""
    return FLOPS_PER_PARAMETER_TOKEN * parameters * tokens


def loss(law: ScalingLaw, parameters: Quantity, tokens: Quantity) -> Quantity:
    """Loss in nats a token: E + A / N^alpha + B / D^beta. Source: Hoffmann et al. 2022, arXiv:2203.15556, eq. 2."""
    return (
        law.irreducible
        + law.parameter_scale / parameters**law.parameter_exponent
        + law.token_scale / tokens**law.token_exponent
    )


def _balance(law: ScalingLaw) -> tuple[float, float]:
    """G = (alpha A / (beta B))^(1 / (alpha + beta)) and the exponent beta / (alpha + beta) of the best size."""
    alpha, beta = law.parameter_exponent, law.token_exponent
    size = alpha * law.parameter_scale / (beta * law.token_scale)
    return float(size ** (1 / (alpha + beta))), beta / (alpha + beta)


def optimal_parameters(law: ScalingLaw, flops: Quantity) -> Quantity:
    """Parameters that reach the lowest loss for a budget: G (C/6)^(beta / (alpha + beta)).

    G = (alpha A / (beta B))^(1 / (alpha + beta)). Source: Hoffmann et al. 2022, arXiv:2203.15556, eq. 4.

    >>> even = ScalingLaw(name="even", irreducible=0, parameter_scale=1, token_scale=1, parameter_exponent=0.5,
    ...                   token_exponent=0.5, fitted_flops=(0, 1), source="made up")
    >>> optimal_parameters(even, 6 * 100 * 100)  # alike in both, so as many tokens as parameters
    100.0
    """
    balance, exponent = _balance(law)
    best: Quantity = balance * (flops / FLOPS_PER_PARAMETER_TOKEN) ** exponent
    return best


def optimal_tokens(law: ScalingLaw, flops: Quantity) -> Quantity:
    """Tokens that reach the lowest loss for a budget: what the budget leaves, C / (6 N)."""
    return flops / (FLOPS_PER_PARAMETER_TOKEN * optimal_parameters(law, flops))


def compute_optimal_tokens(law: ScalingLaw, parameters: Quantity) -> Quantity:
    """Tokens for which a model of this size is the best use of its budget: `optimal_parameters` solved for C."""
    balance, exponent = _balance(law)
    tokens: Quantity = (parameters / balance) ** (1 / exponent) / parameters
    return tokens


def affordable_tokens(flops: Quantity, parameters: Quantity) -> Quantity:
    """Tokens that a budget trains a model of this size on: C / (6 N)."""
    return flops / (FLOPS_PER_PARAMETER_TOKEN * parameters)
