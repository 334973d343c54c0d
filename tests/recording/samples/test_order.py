"""Batches in another order than that of the data set: read, refused, or warned about."""

import warnings

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

import ann2neo as a2n

torch = pytest.importorskip("torch")

data = torch.utils.data
N = 32
PERMUTED = np.random.default_rng(5).permutation(N).tolist()
NUMBER = np.arange(N)
BITS = ((NUMBER[:, None] >> np.arange(5)) & 1).astype("float32")  # sample i shows the binary digits of i
CHECKED = "order of samples cannot be checked"


@pytest.fixture(scope="module")
def model():
    model = keras.Sequential(
        [keras.Input((5,)), keras.layers.Dense(5, "relu", name="h"), keras.layers.Dense(1)]
    )
    model.get_layer("h").set_weights([np.eye(5, dtype="float32"), np.zeros(5, "float32")])
    return model


def decode_samples(raster):
    return raster.to_dense() @ (1 << np.arange(5))


def part(rows):
    return torch.utils.data.Subset(BITS, rows)


class Batched(keras.utils.PyDataset):
    """Batches of 8 rows of BITS; `draw` is asked at each epoch for the order."""

    def __init__(self, **attributes):
        super().__init__()
        self.rows = NUMBER
        for name, value in attributes.items():
            setattr(self, name, value)

    def __len__(self):
        return 4

    def __getitem__(self, k):
        return BITS[self.rows[8 * k : 8 * k + 8]]


class Redrawing(Batched):
    def on_epoch_end(self):
        self.rows = np.random.default_rng(0).permutation(N)


class Drawing(Batched):
    def __getitem__(self, k):
        if not hasattr(self, "chance"):
            self.chance = np.random.default_rng(1)
        return BITS[self.chance.integers(0, N, 8)]


class Switched(Batched):
    shuffle = True


def slice_bits():
    return tf.data.Dataset.from_tensor_slices(BITS)


def options(**given):
    found = tf.data.Options()
    for name, value in given.items():
        setattr(found, name, value)
    return found


class Rows(torch.utils.data.IterableDataset):
    def __init__(self, **attributes):
        self.__dict__.update(attributes)

    def __iter__(self):
        return iter(BITS)


class Configuration:
    shuffle = True


class Mapped(torch.utils.data.Dataset):
    def __init__(self):
        self.shuffle = True

    def __len__(self):
        return N

    def __getitem__(self, row):
        return BITS[(row * 7) % N]


def loader(data, **options):
    return torch.utils.data.DataLoader(data, batch_size=8, **options)


class Held(torch.utils.data.Dataset):
    """Rows in an order of its own, drawn for each if there is none."""

    def __init__(self, order):
        self.order, self.chance = order, np.random.default_rng(0)

    def __len__(self):
        return N

    def __getitem__(self, row):
        return BITS[self.chance.integers(N) if self.order is None else self.order[row]]


class DrawnRows(torch.utils.data.IterableDataset):
    chance = np.random.default_rng(0)

    def __iter__(self):
        return iter(self.chance.permutation(BITS))


class DrawnBatches:
    chance = np.random.default_rng(0)

    def __iter__(self):
        return iter(self.chance.permutation(BITS).reshape(4, 8, 5))


class Mixing:
    def __init__(self):
        self.chance = np.random.default_rng(0)

    def __call__(self, rows):
        return np.stack(rows)[self.chance.permutation(len(rows))]


REFUSED = {
    "PyDataset that says so": (lambda: Batched(shuffle=True), "shuffle=True"),
    "PyDataset whose class says so": (lambda: Switched(), "shuffle=True"),
    "PyDataset that says it in another word": (lambda: Batched(shuffle_rows=1), "shuffle_rows=1"),
    "PyDataset around one that shuffles": (lambda: Batched(inner=Batched(shuffle=True)), "shuffle=True"),
    "PyDataset of a configuration": (lambda: Batched(settings=Configuration()), "shuffle=True"),
    "tf.data shuffle": (lambda: slice_bits().shuffle(9).batch(8), "it has a shuffle"),
    "tf.data shuffle of batches": (lambda: slice_bits().batch(8).shuffle(2).map(tf.identity), "shuffle"),
    "tf.data shuffle, then cache": (
        lambda: slice_bits().shuffle(9).cache().batch(8).prefetch(1),
        "shuffle",
    ),
    "tf.data shuffle of one part": (
        lambda: (
            tf.data.Dataset.zip((slice_bits(), slice_bits().shuffle(9))).map(lambda x, _: x).batch(8)
        ),
        "shuffle",
    ),
    "tf.data read as arrays": (lambda: slice_bits().shuffle(9).batch(8).as_numpy_iterator(), "shuffle"),
    "tf.data repeat": (lambda: slice_bits().batch(8).repeat(2), "it has a repeat"),
    "tf.data repeat, then batch": (lambda: slice_bits().repeat(2).batch(8), "it has a repeat"),
    "tf.data repeat, then take": (lambda: slice_bits().repeat().take(40).batch(8), "it has a repeat"),
    "tf.data that may overtake": (
        lambda: slice_bits().map(tf.identity, num_parallel_calls=2, deterministic=False).batch(8),
        "deterministic=False",
    ),
    "tf.data interleave that may overtake": (
        lambda: (
            tf.data.Dataset.range(2)
            .interleave(lambda _: slice_bits(), num_parallel_calls=2, deterministic=False)
            .batch(8)
        ),
        "deterministic=False",
    ),
    "tf.data with options": (
        lambda: slice_bits().batch(8).with_options(options(deterministic=False)),
        "deterministic is False",
    ),
    "loader with workers of an iterable": (lambda: loader(Rows(), num_workers=2), "num_workers=2"),
    "loader of an iterable that says so": (lambda: loader(Rows(shuffle=True)), "shuffle=True"),
    "iterable that says so": (lambda: Rows(shuffle=True), "shuffle=True"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_another_order_is_refused(model, case):
    samples, reason = REFUSED[case]
    with pytest.raises(ValueError, match=rf"samples must come .*{reason}"):
        a2n.record(model, samples(), layers="h", labels=NUMBER)


def draw_in_function():
    return tf.data.Dataset.range(4).flat_map(lambda _: slice_bits().shuffle(9)).batch(8)


def draw_out_of_sight():
    # By NumPy: TensorFlow draws the same again in a process whose seed was set.
    rng = np.random.default_rng(0)

    def permute(x):
        return tf.ensure_shape(tf.numpy_function(rng.permutation, [x], x.dtype), [8, *x.shape[1:]])

    return slice_bits().batch(8, drop_remainder=True).map(permute)


WARNED = {
    "PyDataset that draws anew": (lambda: Redrawing(), "on_epoch_end of its own"),
    "PyDataset that holds an order": (
        lambda: Batched(rows=np.random.default_rng(0).permutation(N)),
        "permuted order in its attribute 'rows'",
    ),
    "PyDataset that draws each batch": (lambda: Drawing(), "another batch when it was asked"),
    "shuffle in a function": (draw_in_function, r"shuffles \(ShuffleDataset"),
    "repeat in a function": (
        lambda: tf.data.Dataset.range(1).flat_map(lambda _: slice_bits().repeat(2)).batch(8),
        "repeats",
    ),
    "rows of a batch drawn": (lambda: slice_bits().batch(8).map(tf.random.shuffle), "RandomShuffle"),
    "sources drawn": (
        lambda: tf.data.Dataset.sample_from_datasets([slice_bits(), slice_bits()]).batch(8),
        "several sources",
    ),
    "sources in groups": (
        lambda: slice_bits().group_by_window(
            lambda x: tf.cast(x[0], tf.int64), lambda _, w: w.batch(4), 4
        ),
        "in groups",
    ),
    "rows drawn out of sight": (
        draw_out_of_sight,
        "another batch when it was asked",
    ),
    "PyDataset that holds an order in a dict": (
        lambda: Batched(held={"rows": tuple(PERMUTED)}),
        "permuted order in its attribute 'rows'",
    ),
    "PyDataset that holds a shuffled table": (
        lambda: Batched(table=pd.DataFrame(BITS).sample(frac=1, random_state=0)),
        "permuted order in its attribute 'table'",
    ),
    "loader of a permuted part": (lambda: loader(part(PERMUTED)), "attribute 'indices'"),
    "loader of a split": (
        lambda: loader(data.random_split(BITS, [20, 12], torch.Generator().manual_seed(0))[0]),
        "attribute 'indices'",
    ),
    "loader of permuted parts behind one another": (
        lambda: loader(data.ConcatDataset([part(PERMUTED[:9]), part(PERMUTED[9:])])),
        "attribute 'indices'",
    ),
    "loader of a data set that holds an order": (
        lambda: loader(Held(torch.tensor(PERMUTED))),
        "attribute 'order'",
    ),
    "loader of a data set that draws": (lambda: loader(Held(None)), "another batch when it was asked"),
    "loader that mixes what it collates": (
        lambda: loader(BITS, collate_fn=Mixing()),
        "another batch when it was asked",
    ),
    "loader of an iterable that draws": (lambda: loader(DrawnRows()), "another batch when it was asked"),
    "iterable that draws": (lambda: DrawnBatches(), "another batch when it was asked"),
    "loader of a data set that says so": (lambda: loader(Mapped()), "Mapped has shuffle=True"),
}


@pytest.mark.parametrize("case", WARNED)
def test_what_cannot_be_checked_is_said(model, case):
    samples, reason = WARNED[case]
    with pytest.warns(UserWarning, match=rf"{CHECKED}: .*{reason}"):
        a2n.record(model, samples(), layers="h", labels=False)


def constant_labels():
    labels = tf.data.Dataset.from_tensors(1).repeat(N)
    return tf.data.Dataset.zip((slice_bits(), labels)).batch(8)


class Axes(Held):
    def __init__(self):
        super().__init__(list(range(N)))
        self.axes, self.classes = (2, 0, 1), ["b", "a"]


TRUSTED = {
    "PyDataset": lambda: Batched(),
    "PyDataset that says it does not": lambda: Batched(shuffle=False),
    "PyDataset with an epoch's end of no effect": lambda: Batched(shuffle=False, on_epoch_end=None),
    "tf.data": lambda: slice_bits().map(tf.identity, num_parallel_calls=2).batch(8).prefetch(2),
    "tf.data of no more than one": lambda: slice_bits().shuffle(1).repeat(1).batch(8),
    "tf.data its user vouches for": lambda: iter(slice_bits().shuffle(1, seed=1).batch(8)),
    "loader of an iterable": lambda: loader(Rows(shuffle=False)),
    "loader": lambda: loader(BITS),
    "loader of parts in order": lambda: loader(
        data.ConcatDataset([part(range(10)), part(list(range(10, N)))])
    ),
    "data set with axes to move": lambda: loader(Axes()),
    "list": lambda: [BITS[:20], BITS[20:]],
}


@pytest.mark.parametrize("case", TRUSTED)
def test_the_order_of_the_data_set_is_taken_without_a_word(model, case):
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        raster = a2n.record(model, TRUSTED[case](), layers="h", labels=NUMBER)
    assert np.array_equal(decode_samples(raster), NUMBER)
    assert raster.samples["sample_index"].tolist() == raster.samples["label"].tolist()


def test_a_repeat_beside_the_samples_is_said(model):
    with pytest.warns(UserWarning, match="repeat in a part of its pipeline"):
        raster = a2n.record(model, constant_labels(), layers="h")
    assert np.array_equal(decode_samples(raster), NUMBER)


def image_iterator(shuffle, labels=None):
    images = BITS.reshape(N, 1, 5, 1)
    flow = tf.keras.preprocessing.image.ImageDataGenerator().flow
    return flow(images, labels, batch_size=5, shuffle=shuffle, seed=1)


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("where", ["apart", "inside"])
def test_the_order_of_an_image_iterator_is_read(model, shuffle, where):
    images = keras.Sequential([keras.Input((1, 5, 1)), keras.layers.Flatten(), model])
    inside = NUMBER if where == "inside" else None
    labels = NUMBER if where == "apart" else None
    raster = a2n.record(images, image_iterator(shuffle, inside), layers="h", labels=labels)
    index = raster.samples["sample_index"].to_numpy()
    assert (index != NUMBER).any() == shuffle
    assert np.array_equal(decode_samples(raster), index)
    assert np.array_equal(raster.samples["label"], index)
    drawn = a2n.record(
        images, image_iterator(shuffle, inside), layers="h", labels=labels, rng=np.random.default_rng(0)
    )
    assert np.array_equal(decode_samples(drawn), drawn.samples["sample_index"])


def test_labels_given_for_fewer_samples_than_an_iterator_has(model):
    images = keras.Sequential([keras.Input((1, 5, 1)), keras.layers.Flatten(), model])
    with pytest.raises(ValueError, match="one entry per sample, got 30 and a sample 3"):
        a2n.record(images, image_iterator(True), layers="h", labels=NUMBER[:30])


def test_an_image_folder_is_refused_with_its_default(model, tmp_path):
    image = pytest.importorskip("PIL.Image", reason="pillow is not installed")
    for shade in (0, 1):
        (tmp_path / str(shade)).mkdir()
        for k in range(6):
            image.fromarray(np.full((1, 5, 3), 255 * shade, np.uint8)).save(
                tmp_path / str(shade) / f"{k}.png"
            )
    read = keras.utils.image_dataset_from_directory
    network = keras.Sequential(
        [keras.Input((1, 5, 1)), keras.layers.Flatten(), keras.layers.Dense(5, "relu", name="h")]
    )
    options = {"labels": None, "image_size": (1, 5), "color_mode": "grayscale", "verbose": 0}
    with pytest.raises(ValueError, match="shuffle"):
        a2n.record(network, read(tmp_path, **options, seed=1), layers="h")
    truth = np.repeat([0, 1], 6)
    raster = a2n.record(network, read(tmp_path, **options, shuffle=False), layers="h", labels=truth)
    assert raster.samples["label"].tolist() == truth.tolist()


def nest_jagged(*rows):
    return torch.nested.nested_tensor(list(rows), layout=torch.jagged)


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (
            lambda: tf.ragged.constant([[1.0] * 5, [2.0] * 4]),
            "RaggedTensor; pass samples.to_tensor",
        ),
        (lambda: [tf.ragged.constant([[1.0] * 5, [2.0] * 4])], "got a RaggedTensor"),
        (lambda: tf.sparse.from_dense(BITS), "got a sparse SparseTensor"),
        (lambda: torch.tensor(BITS).to_sparse(), "got a sparse Tensor"),
        (lambda: nest_jagged(torch.ones(5), torch.ones(4)), "got a nested tensor"),
    ],
)
def test_samples_that_are_not_dense(model, samples, message):
    with pytest.raises(TypeError, match=message):
        a2n.record(model, samples(), layers="h")


def test_interleaved_sources_are_doubted_aloud(model):
    rows = tf.data.Dataset.from_tensor_slices(BITS)
    turned = rows.interleave(lambda row: tf.data.Dataset.from_tensors(row), cycle_length=2)
    with pytest.warns(UserWarning, match=r"several sources in turn \(interleave\)"):
        assert a2n.record(model, turned.batch(8)).n_samples == N


def test_tables_whose_rows_are_others(model):
    table = pd.DataFrame(BITS)
    shuffled = table.sample(frac=1, random_state=0)
    labels = pd.Series(NUMBER)
    with pytest.raises(ValueError, match="labels must have the index of samples"):
        a2n.record(model, shuffled, labels=labels, layers="h")
    raster = a2n.record(model, shuffled, labels=labels[shuffled.index], layers="h")
    assert np.array_equal(decode_samples(raster), raster.samples["label"])
