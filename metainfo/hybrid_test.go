package metainfo

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"errors"
	"strings"
	"testing"
)

// v2Leaf is a file of a file tree.
func v2Leaf(length int, root string) dict {
	leaf := dict{"length": length}
	if root != "" {
		leaf["pieces root"] = root
	}
	return dict{"": leaf}
}

const v2Piece = 32768

var (
	rootA = strings.Repeat("A", 32)
	// A file of three pieces whose hashes are 'x', 'y' and 'z' 32 times each.
	layer3 = strings.Repeat("x", 32) + strings.Repeat("y", 32) + strings.Repeat("z", 32)
	root3  = naiveRoot3()
)

// naiveRoot3 spells out the tree over layer3, filled up with one piece of absent blocks.
func naiveRoot3() string {
	sum := func(a, b string) string {
		h := sha256.Sum256([]byte(a + b))
		return string(h[:])
	}
	zero := strings.Repeat("\x00", 32)
	return sum(sum(layer3[:32], layer3[32:64]), sum(layer3[64:], sum(zero, zero)))
}

func v2Info() dict {
	return dict{"name": "dir", "piece length": v2Piece, "meta version": 2, "file tree": dict{
		"a": v2Leaf(5, rootA), "b": v2Leaf(2*v2Piece+1, root3), "c": v2Leaf(0, ""), "d": dict{"e": v2Leaf(7, rootA)},
	}}
}

// hybridInfo adds the v1 half.
func hybridInfo() dict {
	pad := func(n int) dict { return dict{"length": n, "attr": "p", "path": []any{".pad", "n"}} }
	return with(v2Info(), "pieces", strings.Repeat("h", 5*20), "files", []any{
		file(5, "a"), pad(v2Piece - 5), file(2*v2Piece+1, "b"), pad(v2Piece - 1), file(0, "c"), file(7, "d", "e"),
	})
}

func withLayers(info dict, layers any) []byte {
	return []byte(encode(dict{"info": info, "piece layers": layers}))
}

// M19: a v2-only torrent is checked and named as unsupported.
func TestM19V2Only(t *testing.T) {
	b := withLayers(v2Info(), dict{root3: layer3})
	tor := parses(t, b)
	err := tor.Info.Downloadable()
	if !errors.Is(err, ErrUnsupportedV2) || !strings.Contains(err.Error(), "v2-only torrents are not yet supported") {
		t.Errorf("Downloadable() = %v", err)
	}
	in := tor.Info
	if tor.ID.HasV1() || tor.ID.V2 != sha256.Sum256(tor.InfoBytes) || tor.ID.Wire() != Hash(tor.ID.V2[:20]) {
		t.Errorf("ID %+v", tor.ID)
	}
	if in.Payload() != 5+2*v2Piece+1+7 || in.NumPieces() != 5 || in.PieceHash(4) != (Hash{}) || in.PieceSize(4) != 7 {
		t.Errorf("%d bytes in %d pieces, last %d", in.Payload(), in.NumPieces(), in.PieceSize(4))
	}
	for _, f := range in.Files() {
		if !f.Pad && f.Length > 0 && f.Offset%v2Piece != 0 {
			t.Errorf("%s begins at %d", f.Path, f.Offset)
		}
	}
	if len(tor.Warnings) > 0 {
		t.Errorf("warnings %q", tor.Warnings)
	}
	// One file under the name of the torrent is no folder.
	tor = parses(t, torrent(with(v2Info(), "file tree", dict{"dir": v2Leaf(5, rootA)})))
	if tor.Info.Multi() || paths(tor) != "dir" {
		t.Errorf("multi %v, %q", tor.Info.Multi(), paths(tor))
	}
	// Missing layers can be had from peers.
	warned(t, parses(t, torrent(v2Info())), "piece layers of 1 files are missing")
}

// M19: piece layers must lead to the roots.
func TestM19PieceLayers(t *testing.T) {
	wrong := "X" + layer3[1:]
	for name, layers := range map[string]any{
		"no dictionary":  []any{},
		"wrong hash":     dict{root3: wrong},
		"too short":      dict{root3: layer3[:64]},
		"too long":       dict{root3: layer3 + layer3[:32]},
		"cut":            dict{root3: layer3[:95]},
		"short root":     dict{root3[:31]: layer3},
		"not a string":   dict{root3: 5},
		"empty":          dict{root3: ""},
		"among good one": dict{root3: layer3, "x": layer3},
	} {
		t.Run(name, func(t *testing.T) {
			refused(t, withLayers(v2Info(), layers), "piece layers")
			refused(t, withLayers(hybridInfo(), layers), "piece layers")
		})
	}
}

// M19: a hybrid downloads by its v1 half, which must say what the v2 half says.
func TestM19Hybrid(t *testing.T) {
	tor := parses(t, withLayers(hybridInfo(), dict{root3: layer3}))
	if tor.ID.V1 != sha1.Sum(tor.InfoBytes) || tor.ID.V2 != sha256.Sum256(tor.InfoBytes) || tor.ID.Wire() != tor.ID.V1 {
		t.Errorf("ID %+v", tor.ID)
	}
	if err := tor.Info.Downloadable(); err != nil || tor.Info.NumPieces() != 5 || tor.Info.Payload() != 5+2*v2Piece+1+7 {
		t.Errorf("%v, %d pieces", err, tor.Info.NumPieces())
	}
	out, err := tor.Marshal()
	if err != nil || !bytes.Contains(out, []byte("12:piece layersd32:")) {
		t.Errorf("layers lost: %v", err)
	}

	files := hybridInfo()["files"].([]any)
	swap := func(i int, f dict) dict {
		list := append([]any{}, files...)
		list[i] = f
		return with(hybridInfo(), "files", list)
	}
	for name, info := range map[string]dict{
		"other name":    swap(0, file(5, "x")),
		"other folder":  swap(5, file(7, "x", "e")),
		"other length":  swap(0, file(4, "a")),
		"file more":     with(hybridInfo(), "files", append([]any{file(0, "0")}, files...)),
		"file fewer":    with(hybridInfo(), "files", append(append([]any{}, files[:4]...), files[5])),
		"last missing":  with(hybridInfo(), "files", files[:5], "pieces", strings.Repeat("h", 4*20)),
		"order":         with(hybridInfo(), "files", []any{files[2], files[3], files[0], files[1], files[4], files[5]}),
		"not aligned":   swap(1, dict{"length": 5, "attr": "p", "path": []any{"p"}}),
		"link":          swap(4, dict{"length": 0, "attr": "l", "path": []any{"c"}}),
		"single":        with(hybridInfo(), "files", nil, "length", 5),
		"pieces differ": with(hybridInfo(), "pieces", strings.Repeat("h", 4*20)),
	} {
		t.Run(name, func(t *testing.T) {
			refused(t, withLayers(info, dict{root3: layer3}))
		})
	}
	// One byte of padding too much leaves sizes and number of pieces as they should be.
	refused(t, withLayers(swap(1, dict{"length": v2Piece - 4, "attr": "p", "path": []any{"p"}}), dict{root3: layer3}), "piece boundary")
	// A lone file.
	lone := dict{"name": "f", "piece length": v2Piece, "meta version": 2, "length": 5, "pieces": hash20,
		"file tree": dict{"f": v2Leaf(5, rootA)}}
	if tor := parses(t, torrent(lone)); tor.Info.Multi() || paths(tor) != "f" || tor.Info.Downloadable() != nil {
		t.Errorf("%q", paths(tor))
	}
	refused(t, torrent(with(lone, "length", 6)), "different files")
	refused(t, torrent(with(lone, "name", "g")), "different files")
}

func TestFileTreeRefuses(t *testing.T) {
	leaf := v2Leaf(5, rootA)
	both := dict{"": leaf[""], "x": leaf}
	for name, tree := range map[string]any{
		"not a dictionary": []any{},
		"empty":            dict{},
		"only folders":     dict{"a": dict{}},
		"nameless":         dict{"": leaf},
		"nameless leaf":    leaf,
		"file and folder":  dict{"a": both},
		"leaf no dict":     dict{"a": dict{"": 5}},
		"entry no dict":    dict{"a": 5},
		"negative":         dict{"a": v2Leaf(-1, rootA)},
		"no length":        dict{"a": dict{"": dict{"pieces root": rootA}}},
		"no root":          dict{"a": v2Leaf(5, "")},
		"zero root":        dict{"a": v2Leaf(5, strings.Repeat("\x00", 32))},
		"short root":       dict{"a": v2Leaf(5, rootA[1:])},
		"pad":              dict{"a": dict{"": dict{"length": 5, "attr": "p", "pieces root": rootA}}},
		"sum":              dict{"a": v2Leaf(1<<61, rootA), "b": v2Leaf(1<<61, rootA), "c": v2Leaf(1<<61, rootA)},
	} {
		t.Run(name, func(t *testing.T) {
			refused(t, torrent(with(v2Info(), "file tree", tree)))
		})
	}
	refused(t, torrent(with(v2Info(), "meta version", 3)), "meta version")
	refused(t, torrent(with(v2Info(), "meta version", nil)), "meta version")
	refused(t, torrent(with(v2Info(), "file tree", nil)), "file tree")
	refused(t, torrent(with(v2Info(), "piece length", 8192)), "power of two")
	refused(t, torrent(with(v2Info(), "piece length", 49152)), "power of two")
}

func TestMerkleRoot(t *testing.T) {
	one := Hash2([]byte(rootA))
	if merkleRoot(one[:], Hash2{}) != one {
		t.Error("the root of one hash is itself")
	}
	if got := merkleRoot([]byte(layer3), padHash(v2Piece)); string(got[:]) != root3 {
		t.Errorf("%x", got)
	}
	if padHash(BlockSize) != (Hash2{}) {
		t.Error("an absent block hashes to zeros")
	}
}
