package rpc

import (
	"encoding/base64"
	"net/netip"
	"net/url"
	"path"
	"strings"
	"time"

	"shoal/status"
)

// fileView is one file and the length of its torrent's pieces, in bytes.
type fileView struct {
	status.File
	pieceLength int64
}

var fileFields = spelled([]field[fileView]{
	{name: "bytes_completed", write: func(b []byte, f *fileView) []byte { return appendInt(b, f.Have) }},
	{name: "length", write: func(b []byte, f *fileView) []byte { return appendInt(b, f.Length) }},
	{name: "name", write: func(b []byte, f *fileView) []byte { return appendString(b, f.Path) }},
	{name: "begin_piece", write: func(b []byte, f *fileView) []byte { return appendInt(b, f.Offset/f.pieceLength) }},
	{name: "end_piece", write: func(b []byte, f *fileView) []byte { // the piece after its last one; an empty file has one
		return appendInt(b, (f.Offset+max(0, f.Length-1))/f.pieceLength+1)
	}},
	{name: "shoal_offset", write: func(b []byte, f *fileView) []byte { return appendInt(b, f.Offset) }},
}, camel)

var fileStatFields = spelled([]field[fileView]{
	{name: "bytes_completed", write: func(b []byte, f *fileView) []byte { return appendInt(b, f.Have) }},
	{name: "wanted", write: func(b []byte, f *fileView) []byte { return appendBool(b, f.Wanted) }},
	{name: "priority", write: func(b []byte, f *fileView) []byte { return appendInt(b, priorityOf(f.File)) }},
}, camel)

func appendFiles(b []byte, v *view, list []field[fileView]) []byte {
	at := fileView{pieceLength: max(1, int64(v.e.PieceLength))}
	next := int64(0)
	return appendList(b, v.files, func(b []byte, f status.File) []byte {
		at.File = f
		at.Offset = max(next, f.Offset) // an engine that leaves it out has no padding
		next = at.Offset + f.Length
		return appendObject(b, list, &at, v.old)
	})
}

// priorityOf is the protocol's -1, 0 or 1; a file that is not wanted has 0.
func priorityOf(f status.File) int {
	if f.Priority == 0 {
		return 0
	}
	return int(f.Priority) - 2
}

// mimeTypes are what files of torrents mostly are; tables of the system differ.
var mimeTypes = map[string]string{
	".avi": "video/x-msvideo", ".mkv": "video/x-matroska", ".mp4": "video/mp4", ".m4v": "video/mp4", ".webm": "video/webm", ".mov": "video/quicktime",
	".mp3": "audio/mpeg", ".flac": "audio/flac", ".ogg": "audio/ogg", ".opus": "audio/ogg", ".m4a": "audio/mp4", ".wav": "audio/wav",
	".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".gif": "image/gif",
	".iso": "application/x-iso9660-image", ".img": "application/octet-stream", ".zip": "application/zip", ".gz": "application/gzip",
	".xz": "application/x-xz", ".7z": "application/x-7z-compressed", ".tar": "application/x-tar", ".pdf": "application/pdf",
	".epub": "application/epub+zip", ".txt": "text/plain", ".html": "text/html", ".deb": "application/vnd.debian.binary-package",
}

func mimeType(files []status.File) string {
	var largest status.File
	for _, f := range files {
		if f.Length > largest.Length {
			largest = f
		}
	}
	if t := mimeTypes[strings.ToLower(path.Ext(largest.Path))]; t != "" {
		return t
	}
	return "application/octet-stream"
}

var peerFields = spelled([]field[status.Peer]{
	{name: "address", write: func(b []byte, p *status.Peer) []byte { return appendString(b, p.Addr.Addr().Unmap().String()) }},
	{name: "port", write: func(b []byte, p *status.Peer) []byte { return appendInt(b, p.Addr.Port()) }},
	{name: "client_name", write: func(b []byte, p *status.Peer) []byte { return appendString(b, p.Client) }},
	{name: "client_is_choked", write: func(b []byte, p *status.Peer) []byte { return appendBool(b, p.PeerChoking) }},
	{name: "client_is_interested", write: func(b []byte, p *status.Peer) []byte { return appendBool(b, p.AmInterested) }},
	{name: "peer_is_choked", write: func(b []byte, p *status.Peer) []byte { return appendBool(b, p.AmChoking) }},
	{name: "peer_is_interested", write: func(b []byte, p *status.Peer) []byte { return appendBool(b, p.PeerInterested) }},
	{name: "flag_str", write: func(b []byte, p *status.Peer) []byte { return appendString(b, peerFlags(p)) }},
	{name: "is_downloading_from", write: func(b []byte, p *status.Peer) []byte { return appendBool(b, downloadingFrom(p)) }},
	{name: "is_uploading_to", write: func(b []byte, p *status.Peer) []byte { return appendBool(b, uploadingTo(p)) }},
	{name: "is_encrypted", write: func(b []byte, p *status.Peer) []byte { return appendBool(b, p.Encrypted) }},
	{name: "is_incoming", write: func(b []byte, p *status.Peer) []byte { return appendBool(b, p.Incoming) }},
	{name: "is_utp", old: "isUTP", write: func(b []byte, p *status.Peer) []byte { return appendBool(b, p.UTP) }},
	{name: "peer_id", write: func(b []byte, p *status.Peer) []byte {
		if p.PeerID == [20]byte{} {
			return append(b, `""`...)
		}
		return append(base64.StdEncoding.AppendEncode(append(b, '"'), p.PeerID[:]), '"')
	}},
	{name: "progress", write: func(b []byte, p *status.Peer) []byte { return appendFloat(b, p.Have) }},
	{name: "rate_to_client", write: func(b []byte, p *status.Peer) []byte { return appendInt(b, p.Down) }},
	{name: "rate_to_peer", write: func(b []byte, p *status.Peer) []byte { return appendInt(b, p.Up) }},
	{name: "bytes_to_client", write: func(b []byte, p *status.Peer) []byte { return appendInt(b, p.DownTotal) }},
	{name: "bytes_to_peer", write: func(b []byte, p *status.Peer) []byte { return appendInt(b, p.UpTotal) }},
	{name: "shoal_snubbed", write: func(b []byte, p *status.Peer) []byte { return appendBool(b, p.Snubbed) }},
	{name: "shoal_source", write: func(b []byte, p *status.Peer) []byte { return appendString(b, p.Source) }},
	{name: "shoal_queue", write: func(b []byte, p *status.Peer) []byte { return appendInt(b, p.Queue) }},
}, camel)

func downloadingFrom(p *status.Peer) bool { return p.AmInterested && !p.PeerChoking && p.Queue > 0 }
func uploadingTo(p *status.Peer) bool     { return p.PeerInterested && !p.AmChoking }

// peerFlags are the letters that clients show: D, d and K for what we get, U, u and ? for what we give, E encrypted, I incoming.
func peerFlags(p *status.Peer) string {
	b := make([]byte, 0, 8)
	switch {
	case downloadingFrom(p):
		b = append(b, 'D')
	case p.AmInterested:
		b = append(b, 'd')
	case !p.PeerChoking:
		b = append(b, 'K')
	}
	switch {
	case uploadingTo(p):
		b = append(b, 'U')
	case p.PeerInterested:
		b = append(b, 'u')
	case !p.AmChoking:
		b = append(b, '?')
	}
	if p.Encrypted {
		b = append(b, 'E')
	}
	if p.Incoming {
		b = append(b, 'I')
	}
	return string(b)
}

var sourceFields = spelled([]field[status.Sources]{
	{name: "from_cache", write: func(b []byte, _ *status.Sources) []byte { return append(b, '0') }},
	{name: "from_dht", write: func(b []byte, s *status.Sources) []byte { return appendInt(b, s.DHT) }},
	{name: "from_incoming", write: func(b []byte, s *status.Sources) []byte { return appendInt(b, s.Incoming) }},
	{name: "from_lpd", write: func(b []byte, s *status.Sources) []byte { return appendInt(b, s.Local) }},
	{name: "from_ltep", write: func(b []byte, s *status.Sources) []byte { return appendInt(b, s.User) }},
	{name: "from_pex", write: func(b []byte, s *status.Sources) []byte { return appendInt(b, s.PEX) }},
	{name: "from_tracker", write: func(b []byte, s *status.Sources) []byte { return appendInt(b, s.Tracker) }},
}, camel)

// trackerView is one tracker and its number among those of its torrent.
type trackerView struct {
	status.Tracker
	id  int
	now time.Time
}

var trackerFields = spelled([]field[trackerView]{
	{name: "announce", write: func(b []byte, t *trackerView) []byte { return appendString(b, t.URL) }},
	{name: "id", write: func(b []byte, t *trackerView) []byte { return appendInt(b, t.id) }},
	{name: "scrape", write: func(b []byte, t *trackerView) []byte { return appendString(b, scrapeURL(t.URL)) }},
	{name: "sitename", write: func(b []byte, t *trackerView) []byte { return appendString(b, siteName(t.URL)) }},
	{name: "tier", write: func(b []byte, t *trackerView) []byte { return appendInt(b, t.Tier) }},
}, camel)

func writeTrackers(b []byte, v *view) []byte {
	b = append(b, '[')
	v.ids.numbered(v.e, func(id, tier int, u string) bool {
		if b[len(b)-1] != '[' {
			b = append(b, ',')
		}
		b = appendObject(b, trackerFields, &trackerView{Tracker: status.Tracker{URL: u, Tier: tier}, id: id}, v.old)
		return true
	})
	return append(b, ']')
}

// trackerList is one URL a line, with an empty line between tiers.
func trackerList(tiers [][]string) string {
	parts := make([]string, len(tiers))
	for i, urls := range tiers {
		parts[i] = strings.Join(urls, "\n")
	}
	return strings.Join(parts, "\n\n")
}

// parseTrackerList reads what trackerList writes.
func parseTrackerList(s string) [][]string {
	var tiers [][]string
	fresh := true
	for line := range strings.Lines(s) {
		switch line = strings.TrimSpace(line); {
		case line == "":
			fresh = true
		case fresh:
			tiers, fresh = append(tiers, []string{line}), false
		default:
			tiers[len(tiers)-1] = append(tiers[len(tiers)-1], line)
		}
	}
	return tiers
}

// scrapeURL follows BEP 48: the last element of the path begins with announce; "" when it does not.
func scrapeURL(u string) string {
	i := strings.LastIndexByte(u, '/') + 1
	if rest, ok := strings.CutPrefix(u[i:], "announce"); ok {
		return u[:i] + "scrape" + rest
	}
	return ""
}

// siteName is the label of a tracker's host before the last one, or all of the host when it is an address.
func siteName(u string) string {
	parsed, err := url.Parse(u)
	if err != nil {
		return ""
	}
	host := parsed.Hostname()
	if _, err := netip.ParseAddr(host); err == nil {
		return host
	}
	labels := strings.Split(host, ".")
	if len(labels) < 2 {
		return host
	}
	return labels[len(labels)-2]
}
