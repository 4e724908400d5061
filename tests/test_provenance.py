"""A result says which state of this project's code made it, and no other project's."""

from __future__ import annotations

import subprocess

import pytest

from cosmo_pl import provenance


def code_state(package):
    """As a new process would see it."""
    provenance.code_state.cache_clear()
    return provenance.code_state(package)


@pytest.fixture
def git(tmp_path):
    def run(*words):
        subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *words], cwd=tmp_path, check=True)

    run("init", "--quiet")
    return run


def package(folder):
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("", encoding="utf-8")
    return folder


def test_the_own_checkout(tmp_path, git):
    own = package(tmp_path / "src" / "cosmo_pl")
    git("add", ".")
    git("commit", "--quiet", "--message=first")
    commit, dirty = code_state(own)
    assert len(commit) == 12
    assert dirty is False
    results = tmp_path / "experiments" / "results"
    results.mkdir(parents=True)
    (results / "one.json").write_text("{}", encoding="utf-8")
    assert code_state(own) == (commit, False), "results are not code"
    (own / "new.py").write_text("", encoding="utf-8")
    assert code_state(own) == (commit, True), "a file that nobody added is code"
    (own / "new.py").unlink()
    (own / "__init__.py").write_text("changed = 1", encoding="utf-8")
    assert code_state(own) == (commit, True)


@pytest.mark.parametrize("place", ["lib/site-packages/cosmo_pl", "cosmo_pl", "vendored/src/cosmo_pl"])
def test_another_projects_repository_says_nothing(tmp_path, git, place):
    (tmp_path / "theirs.py").write_text("", encoding="utf-8")
    inside = package(tmp_path / place)
    git("add", ".")
    git("commit", "--quiet", "--message=theirs")
    assert code_state(inside) == (None, None)


def test_an_untracked_copy_in_a_repository_says_nothing(tmp_path, git):
    (tmp_path / "theirs.py").write_text("", encoding="utf-8")
    git("add", ".")
    git("commit", "--quiet", "--message=theirs")
    assert code_state(package(tmp_path / "src" / "cosmo_pl")) == (None, None)


def test_no_repository_at_all(tmp_path):
    assert code_state(package(tmp_path / "src" / "cosmo_pl")) == (None, None)
