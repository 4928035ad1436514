package metainfo

import (
	"time"

	"shoal/internal/bencode"
)

// Torrent is what a .torrent file says. It is immutable after it was made.
type Torrent struct {
	ID   ID
	Info *Info
	// InfoBytes is the info dictionary exactly as the file has it; its digests are ID.
	InfoBytes []byte
	// Trackers are the tiers of BEP 12 in file order; a lone announce is one tier of one.
	Trackers [][]string
	// WebSeeds are the HTTP(S) URLs of BEP 19 url-list.
	WebSeeds []string
	// Nodes are DHT nodes (BEP 5) as host:port.
	Nodes []string
	// Comment, CreatedBy and Created are informational; Created is zero when absent.
	Comment, CreatedBy string
	Created            time.Time
	// Warnings says what was tolerated or mapped, one line each, not yet cleaned for a terminal.
	Warnings []string

	layers []byte // piece layers of BEP 52 as the file has them, checked
}

// outerDict is a .torrent file as it is written.
type outerDict struct {
	Announce     string             `bencode:"announce,omitempty"`
	AnnounceList [][]string         `bencode:"announce-list,omitempty"`
	Comment      string             `bencode:"comment,omitempty"`
	CreatedBy    string             `bencode:"created by,omitempty"`
	Created      int64              `bencode:"creation date,omitempty"`
	Info         bencode.RawMessage `bencode:"info"`
	Nodes        bencode.RawMessage `bencode:"nodes,omitempty"`
	Layers       bencode.RawMessage `bencode:"piece layers,omitempty"`
	WebSeeds     []string           `bencode:"url-list,omitempty"`
}

// Marshal returns the torrent as the bytes of a .torrent file: the info dictionary and the
// piece layers byte for byte, the rest with sorted keys. Keys that Parse does not
// know are not kept. Equal torrents give equal bytes.
func (t *Torrent) Marshal() ([]byte, error) {
	d := outerDict{
		Comment:   t.Comment,
		CreatedBy: t.CreatedBy,
		Info:      t.InfoBytes,
		Layers:    t.layers,
		WebSeeds:  t.WebSeeds,
	}
	if !t.Created.IsZero() {
		d.Created = t.Created.Unix()
	}
	for _, tier := range t.Trackers {
		if len(tier) > 0 {
			d.AnnounceList = append(d.AnnounceList, tier)
		}
	}
	if len(d.AnnounceList) > 0 {
		d.Announce = d.AnnounceList[0][0]
		if len(d.AnnounceList) == 1 && len(d.AnnounceList[0]) == 1 {
			d.AnnounceList = nil
		}
	}
	if len(t.Nodes) > 0 {
		d.Nodes = encodeNodes(t.Nodes)
	}
	return bencode.Marshal(&d)
}

// Magnet returns the link that names this torrent, its trackers and its web seeds.
func (t *Torrent) Magnet() Magnet {
	m := Magnet{ID: t.ID, WebSeeds: t.WebSeeds}
	if t.Info != nil {
		m.Name, m.Length = t.Info.Name(), t.Info.Payload()
	}
	for _, tier := range t.Trackers {
		m.Trackers = append(m.Trackers, tier...)
	}
	return m
}
