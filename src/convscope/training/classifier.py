"""A convolutional network as a scikit-learn classifier.

Opened when `ConvNetClassifier` is first asked for: scikit-learn takes long to import.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, check_random_state, validate_data

from convscope import ops
from convscope.data import Augment, Dataset
from convscope.errors import InvalidValue, UnknownName, nearest_names
from convscope.layers import Flatten, ReLU
from convscope.models import batch_norm, build, conv2d, from_description, linear, read_description, sequential
from convscope.models.sequence import Item
from convscope.network import Network
from convscope.training.adam import Adam, AdamW
from convscope.training.fitting import fit
from convscope.training.losses import scores_of
from convscope.training.optimizer import SGD, Optimizer
from convscope.training.schedule import Cosine, Schedule

__all__ = ["ConvNetClassifier"]

_OPTIMIZERS: dict[str, Callable[..., Optimizer]] = {"sgd": SGD, "adam": Adam, "adamw": AdamW}


class ConvNetClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Classify images, or rows of numbers, with a convolutional network.

    Every feature is brought to mean 0 and deviation 1 over the whole training data first, with one mean
    and one deviation for all of them: an image stays an image.

    Parameters
    ----------
    net : str, path or callable, optional
        A name as `convscope.models.build` takes it ("lenet5", "small_resnet:width=16"), a TOML file
        that lists layers, or a function of (input_shape, num_classes, seed) that gives a Network. Without
        it a small network: two convolutions with batch norm, and a dense layer.
    image_shape : (C, H, W), optional
        What a row of X is as an image. Without it X of shape (N, F) is taken as 1xF images of one
        channel, (N, H, W) as images of one channel.
    epochs, batch_size : int
    optimizer : "sgd", "adam", "adamw" or an optimiser
    learning_rate, weight_decay : float, optional
        The optimiser's own unless given.
    schedule : callable, optional
        `Cosine()` unless given.
    augment : Augment, optional
    standardize : bool
        False leaves the features as they are.
    random_state : int, RandomState or None
        Fixes the first weights and the order of the images.

    Attributes
    ----------
    classes_ : ndarray
    network_ : Network
    history_ : History
    n_features_in_ : int

    Examples
    --------
    >>> import convscope as cs
    >>> train, test = cs.data.digits().split(1 / 3)
    >>> model = ConvNetClassifier("small_cnn", image_shape=(1, 8, 8), epochs=8, random_state=0)
    >>> rows = train.x.reshape(len(train), 64)
    >>> model.fit(rows, train.y).score(test.x.reshape(len(test), 64), test.y) > 0.9
    True
    """

    def __init__(
        self,
        net: str | os.PathLike[str] | Callable[..., Network] | None = None,
        *,
        image_shape: Sequence[int] | None = None,
        epochs: int = 20,
        batch_size: int = 32,
        optimizer: str | Optimizer = "adam",
        learning_rate: float | None = None,
        weight_decay: float | None = None,
        schedule: Schedule | None = None,
        augment: Augment | None = None,
        standardize: bool = True,
        random_state: Any = None,
    ) -> None:
        self.net = net
        self.image_shape = image_shape
        self.epochs = epochs
        self.batch_size = batch_size
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.schedule = schedule
        self.augment = augment
        self.standardize = standardize
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> ConvNetClassifier:
        """Train a new network on images X, (N, F), (N, H, W) or (N, C, H, W), and their classes y.

        Raises
        ------
        ValueError
            If X or y is not fit for it; `convscope.errors` where the network or its settings are not.
        """
        X, y = validate_data(self, X, y, dtype=np.float64, allow_nd=True, y_numeric=False)
        check_classification_targets(y)
        self.classes_, labels = np.unique(y, return_inverse=True)
        seed = self._seed()
        self._shape_ = self._image_shape(X.shape[1:])
        self._centre_, self._spread_ = 0.0, 1.0
        if self.standardize:
            self._centre_, self._spread_ = float(X.mean()), float(X.std()) or 1.0
        self.network_ = self._build(len(self.classes_), seed)
        names = tuple(str(name) for name in self.classes_)
        self.history_ = fit(
            self.network_,
            Dataset(self._images(X).astype(self.network_.dtype), labels.astype(np.int64), names, "X"),
            epochs=self.epochs,
            batch_size=min(self.batch_size, len(X)),
            optimizer=self._optimizer(),
            schedule=Cosine() if self.schedule is None else self.schedule,
            augment=self.augment,
            seed=seed,
        )
        return self

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Give the probability of each class, (N, K), in the order of `classes_`.

        Computed in float64, so that an image's probabilities do not depend on what else is asked about: a
        matrix product sums in another order for other rows, which shows in the seventh digit of float32.
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, allow_nd=True, reset=False)
        if X.ndim > 2 and self._image_shape(X.shape[1:]) != self._shape_:
            raise InvalidValue(
                f"ConvNetClassifier: images must be {self._shape_} as in fit; got {X.shape[1:]}."
            )
        network = self.network_.astype("float64")
        name, count = scores_of(network, "ConvNetClassifier")
        scores = np.empty((len(X), count))
        for start in range(0, len(X), 256):
            rows = slice(start, start + 256)
            scores[rows] = network.run(self._images(X[rows]), keep=(name,))[name].reshape(-1, count)
        return ops.softmax(scores)

    def predict(self, X: Any) -> NDArray[Any]:
        """Give the most probable class of each image."""
        probabilities = self.predict_proba(X)
        predicted: NDArray[Any] = self.classes_[probabilities.argmax(axis=1)]
        return predicted

    def _seed(self) -> int:
        if isinstance(self.random_state, int | np.integer) and self.random_state >= 0:
            return int(self.random_state)
        return int(check_random_state(self.random_state).randint(2**31 - 1))

    def _image_shape(self, shape: tuple[int, ...]) -> tuple[int, int, int]:
        """Say what image a row of X is."""
        if self.image_shape is not None:
            wanted = tuple(int(length) for length in self.image_shape)
            if len(wanted) != 3 or math.prod(wanted) != math.prod(shape):
                raise InvalidValue(
                    f"ConvNetClassifier: image_shape must be (C, H, W) with as many values as a row of X "
                    f"({math.prod(shape)}); got {self.image_shape!r}."
                )
            return wanted[0], wanted[1], wanted[2]
        if len(shape) == 3:
            return shape[0], shape[1], shape[2]
        return (1, shape[0], shape[1]) if len(shape) == 2 else (1, 1, shape[0])

    def _images(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        scaled: NDArray[np.float64] = (X - self._centre_) / self._spread_
        return scaled.reshape(len(X), *self._shape_)

    def _build(self, count: int, seed: int) -> Network:
        shared: dict[str, Any] = {"input_shape": self._shape_, "num_classes": count, "seed": seed}
        if self.net is None:
            return _usual(**shared)
        if callable(self.net):
            return self.net(**shared)
        text = os.fspath(self.net)
        return (
            from_description(read_description(text), **shared)
            if text.endswith(".toml")
            else build(text, **shared)
        )

    def _optimizer(self) -> Optimizer:
        given = {"learning_rate": self.learning_rate, "weight_decay": self.weight_decay}
        settings = {name: value for name, value in given.items() if value is not None}
        if not isinstance(self.optimizer, str):
            if settings:
                raise InvalidValue(
                    f"ConvNetClassifier: {next(iter(settings))} goes with an optimizer's name only; "
                    f"got {self.optimizer!r}, which has its own."
                )
            return self.optimizer
        if self.optimizer not in _OPTIMIZERS:
            near = nearest_names(self.optimizer, _OPTIMIZERS)
            raise UnknownName(f"ConvNetClassifier: there is no optimizer {self.optimizer!r}; {near}.")
        return _OPTIMIZERS[self.optimizer](**settings)


def _usual(input_shape: Sequence[int], num_classes: int, seed: int) -> Network:
    """Build a network for images of any size, down to a single pixel."""
    _, height, width = input_shape
    kernel = (min(3, height), min(3, width))
    layers: list[Item] = [
        *(conv2d(16, kernel, padding="same"), batch_norm(), ReLU()),
        *(conv2d(32, kernel, padding="same"), batch_norm(), ReLU()),
        *(Flatten(), linear(num_classes)),
    ]
    return sequential(layers, input_shape, seed=seed, name="small")
