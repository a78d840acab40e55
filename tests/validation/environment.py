"""A Python environment with ONNX Runtime, and a software Vulkan adapter that it accepts.

Both live under `target/webgpu-validation`, need no root and are made once. Nothing here knows a host: packages come
from wherever pip and apt of this machine get theirs.
"""

import glob
import json
import os
import platform
import re
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
FOLDER = ROOT / "target" / "webgpu-validation"

# Mesa 22.3 lacks dynamic indexing of uniform arrays, which ONNX Runtime's Dawn asks for; 25.0 has it. What came between
# was not tried.
OLDEST_MESA = 25

MARK = "ERGOMETER_WEBGPU_ENVIRONMENT"


class SetupError(Exception):
    """What could not be prepared, and what would help."""


def enter(icd: Path | None) -> None:
    """Continues this very command inside the environment, unless it runs there already.

    The Vulkan loader and the dynamic linker read their variables when a process starts, so they cannot be set later.
    """
    if os.environ.get(MARK):
        return
    python = prepare_python()
    manifest = icd or prepare_adapter()
    environment = {**os.environ, **adapter_variables(manifest), MARK: str(manifest)}
    os.execve(python, [str(python), *sys.argv], environment)


def prepare_python() -> Path:
    """Makes the virtual environment when `requirements.txt` is newer than it; returns its interpreter."""
    folder = FOLDER / "venv"
    python = folder / "bin" / "python"
    requirements = HERE / "requirements.txt"
    stamp = folder / "installed.txt"
    if stamp.exists() and stamp.read_text() == requirements.read_text():
        return python
    print(f"installing {requirements.relative_to(ROOT)} into {folder.relative_to(ROOT)}", file=sys.stderr)
    venv.create(folder, with_pip=True)
    run([python, "-m", "pip", "install", "--quiet", "--requirement", requirements])
    stamp.write_text(requirements.read_text())
    return python


def prepare_adapter() -> Path:
    """The manifest of a lavapipe that is new enough: the system's, else one unpacked from backports."""
    system = sorted(glob.glob("/usr/share/vulkan/icd.d/lvp_icd*.json"))
    if system and (installed_mesa() or 0) >= OLDEST_MESA:
        return Path(system[0])
    manifest = FOLDER / "mesa" / "lvp_icd.json"
    if not manifest.exists():
        unpack_mesa(manifest)
    return manifest


def installed_mesa() -> int | None:
    """Major version of the installed package."""
    query = subprocess.run(
        ["dpkg-query", "--show", "--showformat=${Version}", "mesa-vulkan-drivers"], capture_output=True, text=True
    )
    found = re.match(r"(?:\d+:)?(\d+)\.", query.stdout)
    return int(found[1]) if query.returncode == 0 and found else None


def unpack_mesa(manifest: Path) -> None:
    """Downloads Mesa's Vulkan drivers, and whatever they need that is not installed, and unpacks them without root."""
    folder = manifest.parent
    options = apt_options(folder)
    print(f"unpacking Mesa from backports into {folder.relative_to(ROOT)}", file=sys.stderr)
    run(["apt-get", *options, "--quiet", "--quiet", "update"])
    backports = f"{codename()}-backports"
    wanted = ["mesa-vulkan-drivers", "libvulkan1"]
    run(["apt-get", *options, "--quiet", "--quiet", "--yes", "--no-install-recommends", "--download-only",
         f"--target-release={backports}", "--reinstall", "install", *wanted])
    root = folder / "root"
    for package in sorted((folder / "cache" / "archives").glob("*.deb")):
        run(["dpkg", "--extract", package, root])
    libraries = sorted(root.rglob("libvulkan_lvp.so"))
    manifests = sorted(root.rglob("lvp_icd*.json"))
    if not libraries or not manifests:
        raise SetupError("the package mesa-vulkan-drivers holds no lavapipe")
    contents = json.loads(manifests[0].read_text())
    contents["ICD"]["library_path"] = str(libraries[0])
    manifest.write_text(json.dumps(contents))


def apt_options(folder: Path) -> list[str]:
    """Options that make apt read a source list of ours and write into `folder` only, not into the system."""
    for part in ("lists/partial", "cache/archives/partial"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    sources = folder / "backports.sources"
    keys = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
    signed = f"Signed-By: {keys}\n" if keys.exists() else ""
    suites = f"{codename()} {codename()}-backports"
    sources.write_text(f"Types: deb\nURIs: {mirror()}\nSuites: {suites}\nComponents: main\n{signed}")
    settings = {
        "Dir::Etc::sourcelist": sources,
        "Dir::Etc::sourceparts": "/nonexistent",
        "Dir::State::lists": folder / "lists",
        "Dir::Cache": folder / "cache",
        "Debug::NoLocking": "true",
        "APT::Sandbox::User": "",
    }
    return [part for name, value in settings.items() for part in ("-o", f"{name}={value}")]


def codename() -> str:
    """The release of this system, such as `bookworm`."""
    release = platform.freedesktop_os_release()
    if release.get("ID") != "debian" or "VERSION_CODENAME" not in release:
        raise SetupError(
            f"Mesa {OLDEST_MESA} or newer is needed; it is fetched on Debian only: install it, or name its manifest with --icd"
        )
    return release["VERSION_CODENAME"]


def mirror() -> str:
    """Where this machine's apt gets the release from."""
    listing = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE)", "Created-By: Packages"],
        capture_output=True, text=True, check=True,
    )
    for line in listing.stdout.splitlines():
        address, _, release = line.partition(" ")
        if release == codename():
            return address
    raise SetupError(f"apt knows no source of {codename()}")


def adapter_variables(manifest: Path) -> dict[str, str]:
    """The variables that make the Vulkan loader see this adapter and no other."""
    library = Path(json.loads(manifest.read_text())["ICD"]["library_path"])
    variables = {"VK_ICD_FILENAMES": str(manifest), "VK_DRIVER_FILES": str(manifest)}
    if library.is_absolute():
        paths = [str(library.parent), os.environ.get("LD_LIBRARY_PATH", "")]
        variables["LD_LIBRARY_PATH"] = ":".join(path for path in paths if path)
    # Mesa complains on every start without one.
    if "XDG_RUNTIME_DIR" not in os.environ:
        variables["XDG_RUNTIME_DIR"] = str(FOLDER)
    return variables


def mesa_version(manifest: Path) -> str | None:
    """The version written into the driver itself: a package's name may not be at hand."""
    library = Path(json.loads(manifest.read_text())["ICD"]["library_path"])
    candidates = [library] if library.is_absolute() else [Path(p) for p in glob.glob(f"/usr/lib/*/{library.name}")]
    for candidate in candidates:
        found = re.search(rb"Mesa (\d+\.\d+\.\d+[\w.~+-]*)", candidate.read_bytes())
        if found:
            return found[1].decode()
    return None


def run(command: list) -> None:
    """Runs a command; its output is shown, its failure ends the setup."""
    words = [str(word) for word in command]
    if subprocess.run(words).returncode != 0:
        raise SetupError(f"failed: {' '.join(words)}")
