# Decodes chunks with the C filter of the package hdf5plugin: `u32 GB/s` and `u16 GB/s` of pixels, the fastest of several.
import ctypes, glob, os, sys, time
try:
    import hdf5plugin
except ImportError:
    sys.exit(3)

library = ctypes.CDLL(os.path.join(hdf5plugin.PLUGIN_PATH, "libh5bshuf.so"))
decode = library.bshuf_decompress_lz4
decode.restype = ctypes.c_int64
decode.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t, ctypes.c_size_t]

for element in (4, 2):
    best = 0.0
    chunks = [open(name, "rb").read() for name in sorted(glob.glob(os.path.join(sys.argv[1], f"u{8 * element}_*.chunk")))]
    size = int.from_bytes(chunks[0][:8], "big")
    block = int.from_bytes(chunks[0][8:12], "big") // element
    out = ctypes.create_string_buffer(size)
    for _ in range(5):
        for chunk in chunks:
            data = ctypes.c_char_p(chunk)
            address = ctypes.cast(data, ctypes.c_void_p).value + 12
            start = time.perf_counter()
            if decode(address, out, size // element, element, block) < 0:
                sys.exit("the C filter cannot decode a chunk")
            best = max(best, size / (time.perf_counter() - start) / 1e9)
    print(f"u{8 * element} {best:.3f}")
