"""Settings of a federated stage 1; see `cosmo_pl.federated`, which needs the package flwr, as this file does not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from cosmo_pl.constraints import NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, Share, check_arguments
from cosmo_pl.errors import ConfigurationError


@dataclass(frozen=True)
class FederatedSettings:
    """Rounds of a stage 1 whose recordings stay with the clients.

    Args:
        rounds: Number of rounds.
        local_epochs: Epochs of each client in a round. The schedule of the learning rate covers all rounds; the state
            of the optimizer begins anew in each.
        share: Share of the connected clients that are sampled in each round.
        min_clients: Clients that have to be connected before the first round. Later rounds use those that are left.
        round_seconds: Time limit of a round; what arrives later is left out.
        local_bn: Whether the running statistics of batch normalisation stay with each client. The bundle then has the
            mean of those that the clients send in the last round.
        proximal_mu: μ of FedProx (Li et al., MLSys 2020), the weight of ||w - w_global||²/2 in the loss of a client; 0
            is FedAvg (McMahan et al., AISTATS 2017).
        noise_multiplier: Noise multiplier of differential privacy with client-side clipping; None for no noise.
        clipping_norm: Largest L2 norm of a client's update, for `noise_multiplier`.
        lacking: Modality to the subjects without it, in a simulation.

    Raises:
        ConfigurationError: A setting is out of range, or two exclude each other.
    """

    numerics: ClassVar[str] = "1.0"

    rounds: PositiveInt = 10
    local_epochs: PositiveInt = 1
    share: Share = 1.0
    min_clients: PositiveInt = 2
    round_seconds: PositiveFloat = 3600.0
    local_bn: bool = False
    proximal_mu: NonNegativeFloat = 0.0
    noise_multiplier: PositiveFloat | None = None
    clipping_norm: PositiveFloat = 1.0
    lacking: Mapping[str, Sequence[NonNegativeInt]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_arguments(FederatedSettings, vars(self), "federated.")
        if self.local_bn and self.noise_multiplier is not None:
            problem = (
                "with noise_multiplier, the last round would clip the statistics that clients have kept until then"
            )
            raise ConfigurationError("federated.local_bn", problem, "Leave one of them out")

    @property
    def epochs(self) -> int:
        """Epochs of a client that takes part in all rounds."""
        return self.rounds * self.local_epochs
