#!/bin/bash
# Builds Bitcoin Core 28.99 (bitcoind with wallet, bitcoin-cli) from the sources that two pinned crates carry.
# Prints the folder of the binaries. Some 8 minutes on two cores, once; kept in the peer cache.
. "$(dirname "$0")/lib.sh"
version=28.99
out=$PEERS/bitcoind-$version
if [ ! -x "$out/bitcoind" ]; then
	peer_lock bitcoind
	[ -x "$out/bitcoind" ] && { echo "$out"; exit 0; }
	say "peers: building Bitcoin Core $version (once, some 8 minutes)"
	work=$PEERS/build-bitcoind; mkdir -p "$work/src"; : > "$work/src/lib.rs"
	crate() { # NAME VERSION SHA256 -> its unpacked folder
		d=$work/crate-$1-$2; mkdir -p "$d/src"; : > "$d/src/lib.rs"
		printf '[package]\nname="fetch"\nversion="0.1.0"\nedition="2021"\n[workspace]\n[dependencies]\nx={package="%s",version="=%s"}\n' "$1" "$2" > "$d/Cargo.toml"
		(cd "$d" && cargo fetch -q >&2)
		registry=${CARGO_HOME:-$HOME/.cargo}/registry
		check_sum "$(ls "$registry"/cache/*/"$1-$2.crate" | head -1)" "$3"
		ls -d "$registry"/src/*/"$1-$2" | head -1
	}
	a=$(crate libbitcoinkernel-sys 0.0.1 5a7da32f3bc72e876b92ace44cb4dda867990f82615c9777ac9ba75e7fce29d8)/bitcoin
	b=$(crate libbitcoinkernel-sys 0.0.2 43548fc4d77c471be4fa3141f3cd991f9fad2ce048be31bb86bccf2350591d50)/bitcoin
	src=$work/src28
	rm -rf "$src"; cp -r "$a" "$src"; cp -r "$b/src/univalue" "$src/src/univalue"
	# the crate leaves out folders that only CMake's configure step asks for
	mkdir -p "$src/test" "$src/doc" "$src/src/test/util" "$src/contrib/devtools"
	: > "$src/contrib/filter-lcov.py"; : > "$src/contrib/devtools/split-debug.sh.in"
	: > "$src/test/CMakeLists.txt"; : > "$src/doc/CMakeLists.txt"; : > "$src/src/test/util/CMakeLists.txt"
	cmake -S "$src" -B "$work/build" -DCMAKE_BUILD_TYPE=Release -DENABLE_WALLET=ON -DWITH_SQLITE=ON \
		-DWITH_BDB=OFF -DWITH_ZMQ=OFF -DBUILD_TESTS=OFF -DBUILD_BENCH=OFF -DBUILD_TX=OFF -DBUILD_UTIL=OFF \
		-DBUILD_WALLET_TOOL=OFF -DBUILD_KERNEL_LIB=OFF -DINSTALL_MAN=OFF >&2
	cmake --build "$work/build" -j"$(nproc)" --target bitcoind bitcoin-cli >&2
	mkdir -p "$out.part"
	find "$work/build" -type f \( -name bitcoind -o -name bitcoin-cli \) -exec strip {} \; -exec cp {} "$out.part/" \;
	"$out.part/bitcoind" -version | head -1 >&2
	mv "$out.part" "$out"; rm -rf "$work"
fi
echo "$out"
