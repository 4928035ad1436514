package metainfo

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// TestLargeTorrentIsHeldOnce: a .torrent of a million pieces is in memory once, with the piece hashes where
// the file has them, from the first byte read to the end.
func TestLargeTorrentIsHeldOnce(t *testing.T) {
	const pieces = 1 << 20
	hashes := make([]byte, 20*pieces)
	hashes[20*(pieces-1)] = 7
	b := torrent(dict{"name": "tera", "piece length": 1 << 20, "length": 1 << 40, "pieces": string(hashes)})
	name := filepath.Join(t.TempDir(), "tera.torrent")
	if err := os.WriteFile(name, b, 0o666); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	tor, err := Read(f, MaxTorrentFile)
	runtime.ReadMemStats(&after)
	if err != nil {
		t.Fatal(err)
	}
	if grown, most := after.TotalAlloc-before.TotalAlloc, uint64(len(b)+1<<20); grown > most {
		t.Errorf("reading %d bytes took %d of memory, want at most %d", len(b), grown, most)
	}
	if n, h := tor.Info.NumPieces(), tor.Info.PieceHash(pieces-1); n != pieces || h[0] != 7 {
		t.Errorf("%d pieces, the last one with hash %v", n, h)
	}
}
