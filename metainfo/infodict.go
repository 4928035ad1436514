package metainfo

import (
	"crypto/sha1"
	"crypto/sha256"
	"errors"
	"unicode/utf8"

	"shoal/internal/bencode"
)

// ErrUnsupportedV2 is wrapped by Info.Downloadable for a v2-only torrent.
var ErrUnsupportedV2 = errors.New("v2-only torrents are not yet supported; a hybrid or v1 torrent of the same content works")

// minPieceLength is stricter than BEP 3, which has no minimum: shorter pieces
// cost more for their hashes and requests than they carry, and no program
// makes them. v2 pieces are at least one block (BEP 52).
const minPieceLength = 1 << 10

// scanLimits bounds .torrent files and info dictionaries; a million files need
// about seven million items.
var scanLimits = bencode.Limits{Bytes: MaxTorrentFile + maxTrailing, Depth: 100, Items: 16 << 20}

// ParseInfo reads an info dictionary, as peers send it (BEP 9), and returns
// its ID. b must be one value of at most MaxMetadata bytes; it is kept and must
// not be written to afterwards. Errors wrap ErrInvalid.
func ParseInfo(b []byte) (*Info, ID, error) {
	lim := scanLimits
	lim.Bytes = MaxMetadata
	n, err := bencode.Scan(b, lim)
	if err != nil {
		return nil, ID{}, invalid("info: %w", err)
	}
	if n != len(b) {
		return nil, ID{}, invalid("info: %d more bytes after its end", len(b)-n)
	}
	p, err := parseInfo(b)
	if err != nil {
		return nil, ID{}, err
	}
	return p.info, p.id, nil
}

// parsedInfo is an info dictionary and what only the rest of the file can check.
type parsedInfo struct {
	info *Info
	id   ID
	v2   *fileList // nil for a v1 torrent
	warn warnings
}

// infoDict holds the values of the known keys, still encoded; nil when absent.
type infoDict struct {
	name, nameUTF8, pieceLength, pieces, length, files, private, source []byte
	metaVersion, fileTree                                               []byte
}

func splitInfo(raw []byte) (d infoDict, err error) {
	if len(raw) == 0 || raw[0] != 'd' {
		return d, invalid("info is not a dictionary")
	}
	for key, val := range bencode.Dict(raw) {
		switch key {
		case "name":
			d.name = val
		case "name.utf-8":
			d.nameUTF8 = val
		case "piece length":
			d.pieceLength = val
		case "pieces":
			d.pieces = val
		case "length":
			d.length = val
		case "files":
			d.files = val
		case "private":
			d.private = val
		case "source":
			d.source = val
		case "meta version":
			d.metaVersion = val
		case "file tree":
			d.fileTree = val
		}
	}
	return d, nil
}

// parseInfo takes scanned bytes.
func parseInfo(raw []byte) (*parsedInfo, error) {
	d, err := splitInfo(raw)
	if err != nil {
		return nil, err
	}
	isV2, err := d.version()
	if err != nil {
		return nil, err
	}
	isV1 := d.pieces != nil || d.length != nil || d.files != nil || !isV2
	p := &parsedInfo{info: &Info{v2only: !isV1}}
	if p.info.name, err = d.readName(); err != nil {
		return nil, err
	}
	if p.info.pieceLength, err = d.readPieceLength(isV2); err != nil {
		return nil, err
	}
	n, isInt := bencode.Int(d.private)
	p.info.private = isInt && n != 0
	source, _ := bencode.String(d.source)
	p.info.source = string(source)
	if isV2 {
		p.id.V2 = sha256.Sum256(raw)
		if p.v2, err = parseFileTree(d.fileTree); err != nil {
			return nil, err
		}
	}
	if isV1 {
		p.id.V1 = sha1.Sum(raw)
		err = p.readV1(&d)
	} else {
		err = p.readV2()
	}
	if err != nil {
		return nil, err
	}
	return p, mapPaths(p.info.name, p.info.files, p.info.multi, &p.warn)
}

// version reports whether the dictionary has a v2 half.
func (d *infoDict) version() (v2 bool, err error) {
	if d.metaVersion == nil {
		if d.fileTree != nil {
			return false, invalid("file tree without meta version 2")
		}
		return false, nil
	}
	n, ok := bencode.Int(d.metaVersion)
	if !ok || n < 1 || n > 2 {
		return false, invalid("meta version %s is unknown; 1 and 2 are supported", short(d.metaVersion))
	}
	if n == 2 && d.fileTree == nil {
		return false, invalid("meta version 2 without file tree")
	}
	return n == 2, nil
}

func (d *infoDict) readName() (string, error) {
	name, ok := bencode.String(d.name)
	if better, isString := bencode.String(d.nameUTF8); isString && len(better) > 0 && utf8.Valid(better) {
		name, ok = better, true
	}
	if !ok || len(name) == 0 {
		return "", invalid("info has no name")
	}
	return string(name), nil
}

func (d *infoDict) readPieceLength(v2 bool) (int64, error) {
	n, ok := bencode.Int(d.pieceLength)
	switch {
	case d.pieceLength == nil:
		return 0, invalid("info has no piece length")
	case !ok || n < minPieceLength || n > MaxPieceLength:
		return 0, invalid("piece length %s is not an integer between %d bytes and %d MiB", number(d.pieceLength), minPieceLength, MaxPieceLength>>20)
	case v2 && (n < BlockSize || n&(n-1) != 0):
		return 0, invalid("piece length %d of a v2 torrent is not a power of two of at least %d", n, BlockSize)
	}
	return n, nil
}

// number shows an encoded integer without its frame.
func number(raw []byte) string {
	if raw[0] == 'i' && len(raw) <= 42 {
		return string(raw[1 : len(raw)-1])
	}
	return short(raw)
}

// readV1 fills in files and piece hashes from the keys of BEP 3.
func (p *parsedInfo) readV1(d *infoDict) error {
	hashes, ok := bencode.String(d.pieces)
	switch {
	case !ok || len(hashes)%sha1.Size != 0:
		return invalid("pieces is missing or not a string of 20 bytes for each piece")
	case d.length != nil && d.files != nil:
		return invalid("info has both length and files")
	case d.length == nil && d.files == nil:
		return invalid("info has neither length nor files")
	}
	files := []File{{}}
	if d.files != nil {
		l, err := parseV1Files(d.files)
		if err != nil {
			return err
		}
		files = l.files
	} else if files[0].Length, ok = bencode.Int(d.length); !ok || files[0].Length < 0 {
		return invalid("length %s is not an integer between 0 and 2^62", number(d.length))
	}
	if p.v2 != nil {
		if err := checkHybrid(p.info.name, files, p.v2.files, d.files != nil, p.info.pieceLength); err != nil {
			return err
		}
	}
	in, err := NewInfo(p.info.name, p.info.pieceLength, hashes, files, d.files != nil, p.info.private)
	if err != nil {
		return err
	}
	in.source = p.info.source
	p.info = in
	return nil
}

// readV2 fills in the files of a v2-only torrent.
func (p *parsedInfo) readV2() error {
	files := p.v2.files
	p.info.multi = len(files) != 1 || len(files[0].Raw) != 1 || files[0].Raw[0] != p.info.name
	if !p.info.multi {
		f := files[0]
		f.Raw = nil
		p.info.files = []File{f}
	} else {
		p.info.files = alignFiles(files, p.info.pieceLength)
	}
	return p.info.layOut()
}
