package metainfo

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"strconv"
	"time"

	"shoal/internal/bencode"
)

// Sizes in bytes that a torrent may have, depending on where it comes from: a
// local file, a file fetched by URL, the info dictionary from peers (BEP 9).
const (
	MaxTorrentFile = 100 << 20
	MaxFetched     = 10 << 20
	MaxMetadata    = 32 << 20
)

// maxTrailing is how many bytes after the end of the file's dictionary are
// forgiven: line ends and the like.
const maxTrailing = 4 << 10

// endOfTime is the year 10000 in Unix seconds; later dates cannot be written as RFC 3339.
const endOfTime = 253402300800

// Limits on the lists beside the info dictionary.
const (
	maxTrackers = 1000
	maxWebSeeds = 1000
	maxNodes    = 100
)

// ErrTooLarge is wrapped, beside ErrInvalid, when a torrent file is larger
// than it may be.
var ErrTooLarge = errors.New("the torrent file is too large")

// Read is Parse for what r holds, at most limit bytes: MaxTorrentFile for a
// local file, MaxFetched for one fetched by URL. A file that knows its size is held once in memory, while it is read too.
func Read(r io.Reader, limit int64) (*Torrent, error) {
	room := int(min(sizeOf(r), limit)) + 2*bytes.MinRead // more than it has, or the end is looked for in a larger copy
	buf := bytes.NewBuffer(make([]byte, 0, room))
	if _, err := buf.ReadFrom(io.LimitReader(r, limit+1)); err != nil {
		return nil, fmt.Errorf("reading the torrent file: %w", err)
	}
	b := buf.Bytes()
	if int64(len(b)) > limit {
		from := "a torrent file"
		if limit == MaxFetched {
			from = "a torrent fetched by URL"
		}
		return nil, invalid("%w: more than %d MiB, the limit for %s", ErrTooLarge, limit>>20, from)
	}
	return Parse(b)
}

// sizeOf returns how many bytes r is likely to hold; 0 when it does not say.
func sizeOf(r io.Reader) int64 {
	f, ok := r.(interface{ Stat() (fs.FileInfo, error) })
	if !ok {
		return 0
	}
	st, err := f.Stat()
	if err != nil || !st.Mode().IsRegular() {
		return 0
	}
	return st.Size()
}

// Parse reads a .torrent file of at most MaxTorrentFile bytes: v1 (BEP 3), v2 or
// hybrid (BEP 52). b is kept and must not be written to afterwards. What is not
// needed for the download (trackers, web seeds, comment) is dropped with a warning where
// it is malformed. A v2-only torrent is checked and returned; its
// Info.Downloadable says that it cannot be downloaded. Errors wrap ErrInvalid.
func Parse(b []byte) (*Torrent, error) {
	if len(b) > MaxTorrentFile {
		return nil, invalid("%w: more than %d MiB, the limit for a torrent file", ErrTooLarge, MaxTorrentFile>>20)
	}
	if err := sniff(b); err != nil {
		return nil, err
	}
	n, err := bencode.Scan(b, scanLimits)
	if err != nil {
		return nil, invalid("%w", err)
	}
	if len(b)-n > maxTrailing {
		return nil, invalid("%d bytes after the end of the torrent, at most %d are ignored", len(b)-n, maxTrailing)
	}
	var w warnings
	if n < len(b) {
		w.addf("%d bytes after the end of the torrent are ignored", len(b)-n)
	}
	return parseOuter(b[:n], &w)
}

// sniff tells what people hand in by mistake.
func sniff(b []byte) error {
	text := bytes.TrimSpace(bytes.TrimPrefix(b, []byte("\xef\xbb\xbf")))
	switch {
	case len(text) == 0:
		return invalid("the file is empty")
	case b[0] == 'd':
		return nil
	case bytes.HasPrefix(b, []byte{0x1f, 0x8b}):
		return invalid("the file is compressed with gzip; unpack it first (gunzip)")
	case bytes.HasPrefix(b, []byte("PK")):
		return invalid("the file is a ZIP archive; unpack it first")
	case text[0] == '<':
		return invalid("the file is a web page, perhaps a login page, and not a torrent; download it again with the browser")
	case len(text) >= 7 && bytes.EqualFold(text[:7], []byte("magnet:")):
		return invalid("the file holds a magnet link and not a torrent; use the link itself")
	}
	return invalid("the file is not a torrent: it begins with %s instead of a dictionary", short(b[:min(len(b), 8)]))
}

// parseOuter reads the file's dictionary from scanned bytes.
func parseOuter(b []byte, w *warnings) (*Torrent, error) {
	t := &Torrent{}
	var announce, tiers, seeds, nodes []byte
	for key, val := range bencode.Dict(b) {
		switch key {
		case "info":
			t.InfoBytes = val
		case "piece layers":
			t.layers = val
		case "announce":
			announce = val
		case "announce-list":
			tiers = val
		case "url-list":
			seeds = val
		case "nodes":
			nodes = val
		case "comment":
			t.Comment = text(val)
		case "created by":
			t.CreatedBy = text(val)
		case "creation date":
			if n, ok := bencode.Int(val); ok && n > 0 && n < endOfTime {
				t.Created = time.Unix(n, 0).UTC()
			}
		}
	}
	if t.InfoBytes == nil {
		return nil, invalid("the file has no info dictionary")
	}
	p, err := parseInfo(t.InfoBytes)
	if err != nil {
		return nil, err
	}
	t.ID, t.Info = p.id, p.info
	if p.v2 != nil {
		missing, err := checkLayers(t.layers, p.v2, p.info.pieceLength)
		if err != nil {
			return nil, err
		}
		if missing > 0 {
			w.sumf("piece layers of %d files are missing", missing)
		}
	} else {
		t.layers = nil
	}
	t.Trackers = readTrackers(announce, tiers, w)
	t.WebSeeds = readWebSeeds(seeds, w)
	t.Nodes = readNodes(nodes, w)
	t.Warnings = append(w.all(), p.warn.all()...)
	return t, nil
}

func text(raw []byte) string {
	s, _ := bencode.String(raw)
	return string(s)
}

// readTrackers prefers announce-list (BEP 12) to announce. A URL is kept once.
func readTrackers(announce, list []byte, w *warnings) [][]string {
	var out [][]string
	c := newURLs(maxTrackers, "tracker", CheckTracker, w)
	for tier := range bencode.List(list) {
		var urls []string
		for u := range bencode.List(tier) {
			urls = c.add(urls, text(u))
		}
		if len(urls) > 0 {
			out = append(out, urls)
		}
	}
	if out == nil {
		if urls := c.add(nil, text(announce)); len(urls) > 0 {
			out = [][]string{urls}
		}
	}
	c.close()
	return out
}

// readWebSeeds reads url-list (BEP 19), which is a string or a list of them.
func readWebSeeds(raw []byte, w *warnings) []string {
	c := newURLs(maxWebSeeds, "web seed", checkWebSeed, w)
	urls := c.add(nil, text(raw))
	for u := range bencode.List(raw) {
		urls = c.add(urls, text(u))
	}
	c.close()
	return urls
}

// readNodes reads pairs of host and port (BEP 5).
func readNodes(raw []byte, w *warnings) []string {
	var out []string
	tried := 0
	for pair := range bencode.List(raw) {
		if tried++; len(out) == maxNodes || tried > 10*maxNodes {
			w.sumf("more than %d nodes; the rest is left out", len(out))
			break
		}
		var host string
		port := int64(-1)
		i := 0
		for val := range bencode.List(pair) {
			if i == 0 {
				host = text(val)
			} else if n, ok := bencode.Int(val); ok && i == 1 {
				port = n
			}
			i++
		}
		if !validHost(host) || port < 1 || port > 65535 {
			w.addf("node %s is not a host and a port", short(pair))
			continue
		}
		out = append(out, net.JoinHostPort(host, strconv.FormatInt(port, 10)))
	}
	return out
}

// encodeNodes is the inverse of readNodes.
func encodeNodes(nodes []string) []byte {
	out := []byte{'l'}
	for _, node := range nodes {
		host, port, err := net.SplitHostPort(node)
		if n, convErr := strconv.Atoi(port); err == nil && convErr == nil {
			out = fmt.Appendf(out, "l%d:%si%dee", len(host), host, n)
		}
	}
	return append(out, 'e')
}
