"""What is called between the steps of a training."""

from __future__ import annotations

from typing import Any


class Callback:
    """Hears of a training at fixed points; every method may be left out.

    trainer: the `Trainer`, which stands above this file and says how far it is.
    module: the `SteppedModule` that trains.
    """

    @property
    def state_key(self) -> str:
        """The name of its state in checkpoints."""
        return type(self).__qualname__

    def on_train_start(self, trainer: Any, module: Any) -> None:
        """Before the first batch, with everything restored."""

    def on_train_epoch_start(self, trainer: Any, module: Any) -> None:
        """Before an epoch's first batch is drawn."""

    def on_train_batch_start(self, trainer: Any, module: Any) -> None:
        """When a batch has been drawn."""

    def on_train_batch_end(self, trainer: Any, module: Any) -> None:
        """After a batch, and after the step that it may have completed."""

    def on_train_epoch_end(self, trainer: Any, module: Any) -> None:
        """After an epoch, also one that a stop has cut short."""

    def on_train_end(self, trainer: Any, module: Any) -> None:
        """After the last epoch."""

    def on_data_error(self, trainer: Any, module: Any) -> None:
        """When the next batch cannot be had; all that was trained before is whole."""

    def on_exception(self, trainer: Any, module: Any) -> None:
        """When an error ends the training."""

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps of it."""
        return {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from what `state_dict` gave."""
