package lsd

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"

	"shoal/metainfo"
)

// The groups of BEP 14: organization-local for IPv4, site-local for IPv6.
var (
	Group4 = netip.MustParseAddrPort("239.192.152.143:6771")
	Group6 = netip.MustParseAddrPort("[ff15::efc0:988f]:6771")
)

// Limits of BEP 14, and ours.
const (
	MaxMessage = 1400 // bytes of a datagram
	MaxHashes  = 20   // torrents in one message
	maxCookie  = 64   // bytes
	maxLines   = 64
)

var errMessage = errors.New("not a local announce")

const firstLine = "BT-SEARCH * HTTP/1.1"

// Message is one announce: its sender takes connections for these torrents at Port.
type Message struct {
	Port   uint16
	Hashes []metainfo.Hash // 1 to MaxHashes, each once
	Cookie string          // tells senders apart, so that each can pass over itself; may be empty
}

// Append appends the message as it is sent to group. With MaxHashes torrents and a cookie of maxCookie it
// has less than MaxMessage bytes.
func (m *Message) Append(b []byte, group netip.AddrPort) []byte {
	b = fmt.Appendf(b, "%s\r\nHost: %s\r\nPort: %d\r\n", firstLine, group, m.Port)
	for _, h := range m.Hashes {
		b = fmt.Appendf(b, "Infohash: %s\r\n", h)
	}
	if m.Cookie != "" {
		b = fmt.Appendf(b, "cookie: %s\r\n", m.Cookie)
	}
	return append(b, "\r\n\r\n"...)
}

// Parse reads an announce. It is lenient about line ends, order and fields it does not know; torrents
// beyond MaxHashes, malformed ones and repeated ones are passed over. The result shares no memory with b.
func Parse(b []byte) (m Message, err error) {
	if len(b) > MaxMessage {
		return m, fmt.Errorf("%w: %d bytes", errMessage, len(b))
	}
	line, rest := cutLine(b)
	if string(line) != firstLine {
		return m, errMessage
	}
	for n := 0; len(rest) > 0 && n < maxLines; n++ {
		if line, rest = cutLine(rest); len(line) == 0 {
			break
		}
		name, value, ok := bytes.Cut(line, []byte{':'})
		if !ok {
			return m, fmt.Errorf("%w: a line without a colon", errMessage)
		}
		if err := m.field(string(bytes.ToLower(bytes.TrimSpace(name))), bytes.TrimSpace(value)); err != nil {
			return m, err
		}
	}
	if m.Port == 0 || len(m.Hashes) == 0 {
		return m, fmt.Errorf("%w: no port or no torrent", errMessage)
	}
	return m, nil
}

func (m *Message) field(name string, value []byte) error {
	switch name {
	case "port":
		port, err := strconv.ParseUint(string(value), 10, 16)
		if err != nil || m.Port != 0 {
			return fmt.Errorf("%w: bad port", errMessage)
		}
		m.Port = uint16(port)
	case "infohash":
		var h metainfo.Hash
		if len(value) != hex.EncodedLen(len(h)) || len(m.Hashes) == MaxHashes {
			return nil
		}
		if _, err := hex.Decode(h[:], value); err == nil && !slices.Contains(m.Hashes, h) {
			m.Hashes = append(m.Hashes, h)
		}
	case "cookie":
		if len(value) <= maxCookie {
			m.Cookie = string(value)
		}
	}
	return nil
}

// cutLine takes the first line, without its end.
func cutLine(b []byte) (line, rest []byte) {
	line, rest, _ = bytes.Cut(b, []byte{'\n'})
	return bytes.TrimSuffix(line, []byte{'\r'}), rest
}
