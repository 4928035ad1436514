package stage

import (
	"bytes"
	"crypto/sha1"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"

	"shoal/internal/bencode"
)

// fields returns the values of a .torrent's info dictionary, and its info hash.
func fields(t *testing.T, file, announce string) (map[string][]byte, string) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := bencode.Scan(b, bencode.Limits{Bytes: 1 << 20, Depth: 4, Items: 100}); err != nil || n != len(b) {
		t.Fatalf("%s is no torrent: %d of %d bytes, %v", file, n, len(b), err)
	}
	info := map[string][]byte{}
	hash := ""
	for key, raw := range bencode.Dict(b) {
		switch key {
		case "announce":
			if s, _ := bencode.String(raw); string(s) != announce {
				t.Errorf("announces to %q", s)
			}
		case "info":
			sum := sha1.Sum(raw)
			hash = hex.EncodeToString(sum[:])
			for key, raw := range bencode.Dict(raw) {
				info[key] = raw
			}
		}
	}
	return info, hash
}

func number(t *testing.T, raw []byte) int64 {
	t.Helper()
	n, ok := bencode.Int(raw)
	if !ok {
		t.Fatalf("%q is no number", raw)
	}
	return n
}

// TestMake: what a torrent says is what its file has, and labels make others of it.
func TestMake(t *testing.T) {
	dir := t.TempDir()
	const size, piece = 3<<15 + 5, 1 << 15 // the last piece is short
	data := filepath.Join(dir, "content")
	if err := RandomFile(data, size); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(data)
	if err != nil || len(content) != size {
		t.Fatalf("%d random bytes, %v", len(content), err)
	}
	tor, err := Make(dir, data, "http://a/announce", piece, "")
	if err != nil {
		t.Fatal(err)
	}
	info, hash := fields(t, tor.File, "http://a/announce")
	if hash != tor.InfoHash {
		t.Errorf("info hash %s, want %s", tor.InfoHash, hash)
	}
	if number(t, info["length"]) != size || number(t, info["piece length"]) != piece || tor.Size != size || tor.PieceLength != piece {
		t.Errorf("%q of %q, %+v", info["length"], info["piece length"], tor)
	}
	var want []byte
	for offset := 0; offset < size; offset += piece {
		sum := sha1.Sum(content[offset:min(offset+piece, size)])
		want = append(want, sum[:]...)
	}
	if hashes, _ := bencode.String(info["pieces"]); !bytes.Equal(hashes, want) {
		t.Error("wrong hashes")
	}

	other, err := tor.Relabel("http://b/announce", "-1")
	if err != nil {
		t.Fatal(err)
	}
	relabelled, hash := fields(t, other.File, "http://b/announce")
	if hash != other.InfoHash || hash == tor.InfoHash || other.File == tor.File || !bytes.Equal(relabelled["pieces"], info["pieces"]) {
		t.Errorf("relabelled: %+v of %+v", other, tor)
	}
	if _, err := Make(dir, filepath.Join(dir, "missing"), "", piece, ""); err == nil {
		t.Error("a torrent of nothing")
	}
}

// TestMakeZeros: torrents of different sizes are different files, so that one row may use several.
func TestMakeZeros(t *testing.T) {
	dir := t.TempDir()
	const piece = 1 << 14
	small, err := MakeZeros(dir, "http://a/announce", 2*piece, piece)
	if err != nil {
		t.Fatal(err)
	}
	large, err := MakeZeros(dir, "http://a/announce", 5*piece, piece)
	if err != nil {
		t.Fatal(err)
	}
	for want, tor := range map[int]*Torrent{2: small, 5: large} {
		info, hash := fields(t, tor.File, "http://a/announce")
		sum := sha1.Sum(make([]byte, piece))
		if hashes, _ := bencode.String(info["pieces"]); hash != tor.InfoHash || !bytes.Equal(hashes, bytes.Repeat(sum[:], want)) {
			t.Errorf("%d pieces: the file %s has another torrent", want, tor.File)
		}
	}
	if _, err := MakeZeros(dir, "", piece+1, piece); err == nil {
		t.Error("half a piece of zeros")
	}
}

func TestSame(t *testing.T) {
	dir := t.TempDir()
	data := filepath.Join(dir, "content")
	const size = 1<<20 + 10 // more than is compared at once
	if err := RandomFile(data, size); err != nil {
		t.Fatal(err)
	}
	tor, err := Make(dir, data, "", 1<<18, "")
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(data)
	if err != nil {
		t.Fatal(err)
	}
	changed := bytes.Clone(content)
	changed[size-1]++
	for name, c := range map[string]struct {
		content []byte
		want    bool
	}{"equal": {content, true}, "last byte": {changed, false}, "short": {content[:size-1], false}, "long": {append(bytes.Clone(content), 0), false}} {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, c.content, 0o666); err != nil {
			t.Fatal(err)
		}
		if same, err := tor.Same(file); err != nil || same != c.want {
			t.Errorf("%s: %v, %v", name, same, err)
		}
	}
	if _, err := tor.Same(filepath.Join(dir, "missing")); err == nil {
		t.Error("a missing file was compared")
	}
}
