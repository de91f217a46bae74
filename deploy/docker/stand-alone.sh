#!/bin/sh
# Makes of this image's Python one that needs nothing outside of its folder. Used by the Dockerfile:
#
#   stand-alone.sh python FOLDER      copies it to FOLDER/python, without what no gateway needs
#   stand-alone.sh libraries FOLDER   once the packages are in: has it load from FOLDER/lib alone
#
# Every library that it or one of its packages is linked to, the C library and its loader included,
# is in FOLDER/lib then. So FOLDER runs in any image of the same processor: another Debian, Ubuntu,
# Alpine, or one with no C library at all.
set -eu
folder=$2

python() {
    mkdir -p "$folder/bin" "$folder/lib" "$folder/python/bin"
    cp -a /usr/local/lib "$folder/python/lib"
    cp "$(readlink -f "$(command -v python3)")" "$folder/python/bin/python3"
    # pip, tests, Tk, and what draws on terminals.
    cd "$folder/python/lib"
    rm -rf pkgconfig libpython3.so
    cd python3.*
    rm -rf site-packages/* config-3* ensurepip idlelib lib2to3 pydoc_data test tkinter turtle* \
        lib-dynload/_curses* lib-dynload/_dbm* lib-dynload/_gdbm* lib-dynload/_test* \
        lib-dynload/_tkinter* lib-dynload/readline* lib-dynload/xx*
    find "$folder" -name __pycache__ -type d -prune -exec rm -rf {} +
}

libraries() { # needs patchelf, and strip: wheels come with symbols for debuggers
    python=$folder/python/bin/python3
    find "$folder/python" -name '*.so*' -type f -exec strip --strip-unneeded "$python" {} +
    loader=$(patchelf --print-interpreter "$python")
    find "$folder/python/lib" -name '*.so*' -type f -exec ldd {} + >/tmp/linked
    if grep 'not found' /tmp/linked; then
        exit 1
    fi
    ldd "$python" >>/tmp/linked
    mv "$folder"/python/lib/libpython3* "$folder/lib/"
    awk '$2 == "=>" && $3 ~ "^/" { print $3 }' /tmp/linked | sort -u |
        grep -v -e "^$folder/" -e /libpython3 | xargs cp -L -t "$folder/lib" "$loader"
    # RPATH and not RUNPATH: it is also for what the libraries need themselves, and goes before
    # the LD_LIBRARY_PATH of whatever image this comes into. A library with a RUNPATH of its own
    # would look nowhere else.
    find "$folder" -name '*.so*' -type f | while read -r each; do
        own=$(patchelf --print-rpath "$each" 2>/dev/null || :)
        [ -z "$own" ] || patchelf --force-rpath --set-rpath "$own:$folder/lib" "$each"
    done
    patchelf --set-interpreter "$folder/lib/$(basename "$loader")" \
        --force-rpath --set-rpath "$folder/lib" "$python"
}

"$1"
