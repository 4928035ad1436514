package metainfo

import (
	"crypto/sha1"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"runtime"
	"testing"
	"testing/fstest"
	"time"
)

// TestBuildHashes compares with the hashes of the files' bytes one after another: pieces longer than
// what is read at once, a short last one, files of all sizes.
func TestBuildHashes(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(3))
	rnd := rand.NewChaCha8([32]byte{1})
	for _, c := range []struct {
		pieceLength int64
		sizes       []int
	}{
		{BlockSize, []int{0, 1, 0, 5, BlockSize, 3 * BlockSize, 0}},
		{BlockSize, []int{12*BlockSize - 1}},
		{BlockSize, []int{12 * BlockSize, 1}},
		{2 << 20, []int{9 << 20, 0, 5, 3<<20 + 7}},
		{4 << 20, []int{1}},
	} {
		fsys := fstest.MapFS{}
		var all, want []byte
		for i, size := range c.sizes {
			data := make([]byte, size)
			rnd.Read(data)
			fsys[fmt.Sprintf("d/%02d", i)] = &fstest.MapFile{Data: data}
			all = append(all, data...)
		}
		last := int64(0)
		tor := build(t, fsys, "d", BuildOptions{PieceLength: c.pieceLength, Progress: func(done, total int64) {
			if done <= last || done-last > 1<<20 || total != int64(len(all)) {
				t.Errorf("%v: %d of %d after %d", c, done, total, last)
			}
			last = done
		}})
		for len(all) > 0 {
			n := min(len(all), int(c.pieceLength))
			sum := sha1.Sum(all[:n])
			want, all = append(want, sum[:]...), all[n:]
		}
		for i := range tor.Info.NumPieces() {
			if got := tor.Info.PieceHash(i); got != Hash(want[i*20:][:20]) {
				t.Errorf("%v: piece %d", c, i)
			}
		}
	}
}

// blank is a file of 0 bytes that takes no memory.
type blank struct {
	fs.FileInfo
	size int64
}

func (z blank) Open(string) (fs.File, error) { return z, nil }
func (z blank) Stat() (fs.FileInfo, error)   { return z, nil }
func (z blank) Size() int64                  { return z.size }
func (z blank) Mode() fs.FileMode            { return 0o666 }
func (z blank) ModTime() time.Time           { return time.Unix(1, 0) }
func (z blank) Close() error                 { return nil }
func (z blank) Read([]byte) (int, error)     { return 0, errors.ErrUnsupported }
func (z blank) ReadAt(p []byte, off int64) (int, error) {
	return int(max(0, min(int64(len(p)), z.size-off))), nil
}

// TestBuildMemory: long pieces take no more memory than short ones.
func TestBuildMemory(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(8))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	build(t, blank{size: 160 << 20}, "x", BuildOptions{PieceLength: 16 << 20})
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > maxBuffers+4<<20 {
		t.Errorf("%d MiB were allocated", got>>20)
	}
}
