package dht

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"net/netip"
	"time"

	"shoal/metainfo"
)

// The saved form: a header and records of fixed length, each with a checksum of its own, so that a
// cut or a damaged spot costs what it hit.
//
//	header  "shoaldht", version 1, family 4 or 6, id (20), CRC-32C of all before it
//	record  id (20), address (16), port (2), CRC-32C of all before it
const (
	saveMagic   = "shoaldht"
	saveVersion = 1
	headerLen   = len(saveMagic) + 2 + 20 + 4
	recordLen   = 20 + 16 + 2 + 4
	maxSaved    = 512 // records written, and read
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Save returns the id and the good nodes, for Config.Saved of the next start: at most 22 KiB.
// While none is good, as after a day offline, those that were count.
func (n *Node) Save() []byte {
	n.mu.Lock()
	defer n.mu.Unlock()
	now := time.Now()
	nodes := n.table.closest(n.table.own, maxSaved, func(e *entry) bool { return e.good(now) })
	if len(nodes) == 0 {
		nodes = n.table.closest(n.table.own, maxSaved, func(*entry) bool { return true })
	}
	if len(nodes) == 0 {
		nodes = n.saved // nobody has answered yet
	}
	return writeSaved(n.table.own, n.cfg.IPv6, nodes)
}

func writeSaved(id metainfo.Hash, ipv6 bool, nodes []contact) []byte {
	b := append([]byte(saveMagic), saveVersion, familyByte(ipv6))
	b = appendSum(append(b, id[:]...), 0)
	for _, c := range nodes {
		start := len(b)
		ip := c.addr.Addr().As16()
		b = append(append(b, c.id[:]...), ip[:]...)
		b = appendSum(binary.BigEndian.AppendUint16(b, c.addr.Port()), start)
	}
	return b
}

// WithoutID returns what Save returned without the id, for a node that is to have its own beside another one of the
// same file. Its nodes stay.
func WithoutID(saved []byte) []byte {
	b := bytes.Clone(saved)
	clear(b[:min(len(b), len(saveMagic))]) // readSaved takes no id out of it
	return b
}

// readSaved returns what is whole of b; a zero id when that is not.
func readSaved(b []byte, ipv6 bool) (id metainfo.Hash, nodes []contact) {
	if len(b) < headerLen {
		return id, nil
	}
	head := b[:headerLen]
	if string(head[:len(saveMagic)]) == saveMagic && head[len(saveMagic)] == saveVersion &&
		head[len(saveMagic)+1] == familyByte(ipv6) && whole(head) {
		copy(id[:], head[len(saveMagic)+2:])
	}
	for b = b[headerLen:]; len(b) >= recordLen && len(nodes) < maxSaved; b = b[recordLen:] {
		rec := b[:recordLen]
		addr := netip.AddrFrom16([16]byte(rec[20:36])).Unmap()
		c := contact{metainfo.Hash(rec[:20]), netip.AddrPortFrom(addr, binary.BigEndian.Uint16(rec[36:]))}
		if whole(rec) && addr.Is6() == ipv6 && c.addr.Port() != 0 {
			nodes = append(nodes, c)
		}
	}
	return id, nodes
}

func familyByte(ipv6 bool) byte {
	if ipv6 {
		return 6
	}
	return 4
}

func appendSum(b []byte, from int) []byte {
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b[from:], castagnoli))
}

func whole(b []byte) bool {
	n := len(b) - 4
	return crc32.Checksum(b[:n], castagnoli) == binary.BigEndian.Uint32(b[n:])
}
