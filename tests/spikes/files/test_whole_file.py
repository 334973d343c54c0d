"""Files and folders that appear whole or not at all, whatever happens to the writer."""

import errno
import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path
from unittest import mock

import pytest

from ann2neo.spikes.files import name_exchange
from ann2neo.spikes.files.paths import as_path, find_path
from ann2neo.spikes.files.whole_file import write_whole


def write(path, text, **options):
    with write_whole(path, **options) as whole:
        whole.write_text(text)


def write_folder(path, text, **options):
    with write_whole(path, check_replaced=lambda _: None, **options) as whole:
        whole.mkdir()
        (whole / "inside").write_text(text)


def read(path):
    return (path / "inside" if path.is_dir() else path).read_text()


def kill_a_writer(path):
    """A process that dies while it writes to `path`."""
    code = (
        "import os, sys\n"
        "from ann2neo.spikes.files.whole_file import write_whole\n"
        "with write_whole(sys.argv[1], overwrite=True) as whole:\n"
        "    whole.write_text('half')\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    ended = subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert ended.returncode == -signal.SIGKILL


@pytest.fixture(params=["exchange", "step by step"])
def system(request):
    """As on a system that can exchange names, and on one that cannot."""
    if request.param == "step by step":
        with mock.patch.object(name_exchange, "_rename", return_value=False):
            yield request.param
    else:
        yield request.param


@pytest.mark.parametrize("writes", [write, write_folder])
class TestFilesAndFolders:
    def test_new_and_replaced(self, tmp_path, system, writes):
        writes(tmp_path / "a", "one")
        writes(tmp_path / "a", "two", overwrite=True)
        assert read(tmp_path / "a") == "two"
        assert os.listdir(tmp_path) == ["a"]

    def test_one_in_the_place_of_the_other(self, tmp_path, system, writes):
        (write if writes is write_folder else write_folder)(tmp_path / "a", "one")
        if writes is write:
            with pytest.raises(FileExistsError, match="is a directory; it is not replaced by a file"):
                write(tmp_path / "a", "two", overwrite=True)
            return
        writes(tmp_path / "a", "two", overwrite=True)
        assert read(tmp_path / "a") == "two"
        assert os.listdir(tmp_path) == ["a"]

    def test_what_is_there_stays_unless_overwrite_is_said(self, tmp_path, system, writes):
        writes(tmp_path / "a", "one")
        with pytest.raises(FileExistsError):
            writes(tmp_path / "a", "two")
        assert read(tmp_path / "a") == "one"

    def test_what_appears_meanwhile_stays(self, tmp_path, system, writes):
        def write_while_another_does():
            with write_whole(tmp_path / "a") as whole:
                writes(tmp_path / "a", "one")
                whole.write_text("two")

        with pytest.raises(FileExistsError):
            write_while_another_does()
        assert read(tmp_path / "a") == "one"
        assert os.listdir(tmp_path) == ["a"]

    @pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
    def test_any_rename_may_fail_or_be_interrupted_after_it_was_done(
        self, tmp_path, system, writes, error
    ):
        writes(tmp_path / "a", "one")
        replace, failures = os.replace, 0
        for done in (False, True):
            for failing in range(1, 4):
                calls = []

                def flaky(*paths, calls=calls, done=done, failing=failing):
                    calls.append(paths)
                    if len(calls) == failing and not done:
                        raise error
                    replace(*paths)
                    if len(calls) == failing:
                        raise error

                with mock.patch("os.replace", flaky):
                    try:
                        writes(tmp_path / "a", "two", overwrite=True)
                    except error:
                        failures += 1
                assert read(tmp_path / "a") in ("one", "two")
                assert os.listdir(tmp_path) == ["a"]
                writes(tmp_path / "a", "one", overwrite=True)
        assert failures or (system == "exchange" and writes is write_folder)


class TestKilledWriters:
    def test_the_next_writer_sweeps_what_they_left(self, tmp_path):
        for _ in range(2):
            kill_a_writer(tmp_path / "a")
        assert len(os.listdir(tmp_path)) == 1
        write(tmp_path / "b", "another file's writer leaves it alone")
        assert len(os.listdir(tmp_path)) == 2
        write(tmp_path / "a", "whole")
        assert sorted(os.listdir(tmp_path)) == ["a", "b"]

    def test_what_stood_aside_comes_back(self, tmp_path):
        """Killed between two renames, where the system cannot exchange names."""
        kill_a_writer(tmp_path / "a")
        (left,) = tmp_path.iterdir()
        (left / "was-replaced.part").write_text("old")
        with write_whole(tmp_path / "a", overwrite=True) as whole:
            assert read(tmp_path / "a") == "old"
            whole.write_text("new")
        assert read(tmp_path / "a") == "new"
        assert os.listdir(tmp_path) == ["a"]

    def test_living_writers_are_left_alone(self, tmp_path):
        with write_whole(tmp_path / "a", overwrite=True) as whole:
            whole.write_text("first")
            write(tmp_path / "a", "second", overwrite=True)
            assert read(tmp_path / "a") == "second"
        assert read(tmp_path / "a") == "first"
        assert os.listdir(tmp_path) == ["a"]

    def test_many_threads(self, tmp_path):
        def work(text):
            for _ in range(20):
                write(tmp_path / "a", text * 1000, overwrite=True)

        write(tmp_path / "a", "0" * 1000)
        threads = [threading.Thread(target=work, args=(str(k),)) for k in range(4)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            assert len(set(read(tmp_path / "a"))) == 1
        assert os.listdir(tmp_path) == ["a"]

    def test_a_name_that_another_writer_took_meanwhile_is_not_removed(self, tmp_path):
        """As soon as a folder is gone its name is free, for the next writer."""
        remove, taken = shutil.rmtree, []

        def remove_and_be_overtaken(folder, **options):
            remove(folder, **options)
            if not taken:
                taken.append(write_whole(tmp_path / "a", overwrite=True))
                taken.append(taken[0].__enter__())

        with mock.patch("shutil.rmtree", remove_and_be_overtaken):
            write(tmp_path / "a", "first")
        taken[1].write_text("second")
        taken[0].__exit__(None, None, None)
        assert read(tmp_path / "a") == "second"
        assert os.listdir(tmp_path) == ["a"]

    def test_a_system_without_locks(self, tmp_path):
        with mock.patch("ann2neo.spikes.files.whole_file.fcntl", None):
            write(tmp_path / "a", "one")
            write(tmp_path / "a", "two", overwrite=True)
        assert read(tmp_path / "a") == "two"
        assert os.listdir(tmp_path) == ["a"]


class TestPaths:
    @pytest.mark.parametrize("name", ["n" * 255, "ä" * 127, "was-replaced.part", "store"])
    def test_long_and_odd_names(self, tmp_path, name):
        write(tmp_path / name, "one")
        write(tmp_path / name, "two", overwrite=True)
        assert read(tmp_path / name) == "two"
        assert os.listdir(tmp_path) == [name]

    @pytest.mark.parametrize("writes", [write, write_folder])
    def test_of_a_link_the_target_is_replaced(self, tmp_path, writes):
        (tmp_path / "far").mkdir()
        writes(tmp_path / "far" / "a", "one")
        (tmp_path / "link").symlink_to(Path("far") / "a")
        writes(tmp_path / "link", "two", overwrite=True)
        assert (tmp_path / "link").is_symlink()
        assert read(tmp_path / "far" / "a") == "two"
        assert os.listdir(tmp_path / "far") == ["a"]

    def test_home(self, tmp_path, monkeypatch):
        monkeypatch.setenv("HOME", str(tmp_path))
        write("~/a", "one")
        assert read(tmp_path / "a") == "one"
        assert find_path("~/a") == tmp_path / "a"

    @pytest.mark.parametrize("path", ["", "a\0b", b"a", None, 3])
    def test_no_paths(self, path):
        with pytest.raises((TypeError, ValueError), match="path must be"):
            as_path(path)
        with pytest.raises((TypeError, ValueError), match="path must be"):
            write(path, "one")

    def test_a_pipe_is_neither_replaced_nor_waited_for(self, tmp_path):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(FileExistsError, match="is a pipe or a device"):
            write(tmp_path / "pipe", "one", overwrite=True)
        with pytest.raises(ValueError, match="neither a file nor a directory"):
            find_path(tmp_path / "pipe")

    def test_nothing_to_read(self, tmp_path):
        with pytest.raises(FileNotFoundError, match="no recipe at"):
            find_path(tmp_path / "a", "recipe")
        with pytest.raises(FileNotFoundError, match="which is a directory"):
            find_path(tmp_path)
        assert find_path(tmp_path, folder=True) == tmp_path


class TestPermissions:
    @pytest.mark.parametrize("writes", [write, write_folder])
    def test_what_is_replaced_hands_on_who_may_read_it(self, tmp_path, writes):
        writes(tmp_path / "a", "one")
        mode = 0o700 if writes is write_folder else 0o600
        os.chmod(tmp_path / "a", mode)
        writes(tmp_path / "a", "two", overwrite=True)
        assert read(tmp_path / "a") == "two"
        assert stat.S_IMODE(os.stat(tmp_path / "a").st_mode) == mode

    @pytest.mark.parametrize("writes", [write, write_folder])
    def test_what_is_read_only_is_not_replaced(self, tmp_path, writes, monkeypatch):
        writes(tmp_path / "a", "one")
        os.chmod(tmp_path / "a", 0o555)
        # Whoever runs the tests may be one who may write everything.
        monkeypatch.setattr(os, "access", lambda path, mode: bool(os.stat(path).st_mode & 0o200))
        with pytest.raises(PermissionError, match="read-only, it is not replaced") as raised:
            writes(tmp_path / "a", "two", overwrite=True)
        assert raised.value.filename == str(tmp_path / "a")
        assert read(tmp_path / "a") == "one"
        assert os.listdir(tmp_path) == ["a"]

    @pytest.mark.parametrize("code", [errno.EACCES, errno.EROFS, errno.ENOSPC])
    def test_a_folder_that_cannot_be_written_in_is_named(self, tmp_path, monkeypatch, code):
        def fail(path, mode=0o777, **options):
            raise OSError(code, os.strerror(code), str(path))

        monkeypatch.setattr(Path, "mkdir", fail)
        with pytest.raises(OSError, match=os.strerror(code)) as raised:
            write(tmp_path / "a", "one")
        assert raised.value.filename == str(tmp_path)
        assert isinstance(raised.value, PermissionError) == (code == errno.EACCES)
        assert os.listdir(tmp_path) == []

    def test_links_that_lead_nowhere(self, tmp_path):
        (tmp_path / "round").symlink_to("round")
        (tmp_path / "gone").symlink_to(Path("no") / "where")
        (tmp_path / "new").symlink_to("made")
        with pytest.raises(FileNotFoundError, match="no file at"):
            find_path(tmp_path / "round")
        with pytest.raises(FileExistsError):
            write(tmp_path / "round", "one", overwrite=True)
        with pytest.raises(FileNotFoundError, match="does not exist"):
            write(tmp_path / "gone", "one")
        write(tmp_path / "new", "one")
        assert (tmp_path / "new").is_symlink()
        assert read(tmp_path / "made") == "one"


def test_a_full_disk_says_what_did_not_fit(tmp_path):
    def write():
        with write_whole(tmp_path / "a.npz") as path:
            path.write_text("as far as it went")
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match=r"No space left on device: .*a\.npz") as raised:
        write()
    assert raised.value.errno == errno.ENOSPC
    assert not list(tmp_path.iterdir())
