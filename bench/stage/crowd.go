package stage

import (
	"bytes"
	"crypto/rand"
	"crypto/sha1"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"sync"
)

// Crowd writes n files of size bytes into the folder data, and a torrent of each into the folder torrents. With sparse the files
// are zeros that take no room, and their torrents differ in their names alone.
func Crowd(torrents, data, announce string, n int, size, pieceLength int64, sparse bool) ([]*Torrent, error) {
	all := make([]*Torrent, n)
	workers := runtime.NumCPU()
	errs := make([]error, workers)
	var group sync.WaitGroup
	for w := range workers {
		group.Go(func() {
			var seed [32]byte
			rand.Read(seed[:])
			chance := mathrand.NewChaCha8(seed)
			content := make([]byte, size)
			for i := w; i < n && errs[w] == nil; i += workers {
				if !sparse {
					chance.Read(content)
				}
				all[i], errs[w] = one(torrents, filepath.Join(data, fmt.Sprintf("file-%06d", i)), announce, content, pieceLength, sparse)
			}
		})
	}
	group.Wait()
	return all, errors.Join(errs...)
}

// one writes one file of a crowd, and its torrent.
func one(dir, name, announce string, content []byte, pieceLength int64, sparse bool) (*Torrent, error) {
	f, err := os.Create(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	size := int64(len(content))
	if sparse {
		err = f.Truncate(size)
	} else {
		_, err = f.Write(content)
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		return nil, err
	}
	var hashes bytes.Buffer
	for rest := content; len(rest) > 0; {
		n := min(pieceLength, int64(len(rest)))
		sum := sha1.Sum(rest[:n])
		hashes.Write(sum[:])
		rest = rest[n:]
	}
	return write(dir, filepath.Base(name), name, announce, size, pieceLength, hashes.Bytes(), "")
}
