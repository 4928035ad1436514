package rpc

import (
	"context"
	"encoding/base64"
	"fmt"
	"math"
	"net/netip"

	"shoal/metainfo"
	"shoal/status"
)

// wireDetails is what Details needs.
type wireDetails struct {
	Pieces       string    `json:"pieces"`
	Count        wireInt   `json:"pieceCount"`
	WebSeeds     []string  `json:"webseeds"`
	Availability []wireInt `json:"availability" rpc:"17"`
	Status       wireInt   `json:"status"`
}

// Details implements status.Engine.
func (c *Client) Details(ctx context.Context, id metainfo.ID) (status.Details, error) {
	w, _, err := askOne[wireDetails](ctx, c, id)
	if err != nil {
		return status.Details{}, err
	}
	return w.details()
}

func (w *wireDetails) details() (d status.Details, err error) {
	d.WebSeeds = w.WebSeeds
	bits, err := base64.StdEncoding.DecodeString(w.Pieces)
	if err != nil {
		return d, fmt.Errorf("torrent-get: %w: pieces: %w", ErrAnswer, err)
	}
	n := w.Count
	// Transmission knows a magnet link's piece count to be 0; the files may also have become known while the answer was written.
	if n <= 0 || n > metainfo.MaxPieces || w.Pieces == "" {
		n = 0
		bits = nil
	}
	have, ok := metainfo.ParseBitfield(bits, int(n))
	if !ok {
		return d, fmt.Errorf("torrent-get: %w: a bit field of %d bytes for %d pieces", ErrAnswer, len(bits), n)
	}
	d.Have = have
	if w.Status == trStopped || len(w.Availability) != int(n) || n == 0 {
		return d, nil
	}
	d.Availability = make([]uint16, n)
	for i, a := range w.Availability {
		d.Availability[i] = uint16(min(max(a, 0), math.MaxUint16))
	}
	return d, nil
}

// wireFiles is what Files needs.
type wireFiles struct {
	Files []struct {
		Name   string   `json:"name"`
		Length wireInt  `json:"length"`
		Have   wireInt  `json:"bytesCompleted"`
		Offset *wireInt `json:"shoal_offset"` // Transmission leaves nothing out between its files
	} `json:"files"`
	Stats []struct {
		Wanted   wireBool `json:"wanted"`
		Priority wireInt  `json:"priority"`
	} `json:"fileStats"`
}

// Files implements status.Engine.
func (c *Client) Files(ctx context.Context, id metainfo.ID) ([]status.File, error) {
	w, _, err := askOne[wireFiles](ctx, c, id)
	if err != nil {
		return nil, err
	}
	if len(w.Files) == 0 { // those of a torrent whose files are known are one at least
		return nil, fmt.Errorf("%v: %w", id, status.ErrNoMetadata)
	}
	if len(w.Stats) != len(w.Files) {
		return nil, fmt.Errorf("torrent-get: %w: %d files, and the state of %d", ErrAnswer, len(w.Files), len(w.Stats))
	}
	list := make([]status.File, len(w.Files))
	next := int64(0)
	for i, f := range w.Files {
		if f.Offset != nil {
			next = int64(*f.Offset)
		}
		list[i] = status.File{Path: f.Name, Offset: next, Length: int64(f.Length), Have: int64(f.Have), Wanted: bool(w.Stats[i].Wanted)}
		next += int64(f.Length)
		if list[i].Wanted {
			list[i].Priority = uint8(2 + min(max(w.Stats[i].Priority, -1), 1))
		}
	}
	return list, nil
}

// wirePeers is what Peers needs.
type wirePeers struct {
	Peers []wirePeer `json:"peers"`
}

type wirePeer struct {
	Address    string   `json:"address"`
	Port       wireInt  `json:"port"`
	Client     string   `json:"clientName"`
	Choked     wireBool `json:"clientIsChoked"`
	Interested wireBool `json:"clientIsInterested"`
	PeerChoked wireBool `json:"peerIsChoked"`
	PeerWants  wireBool `json:"peerIsInterested"`
	Encrypted  wireBool `json:"isEncrypted"`
	Incoming   wireBool `json:"isIncoming"`
	Progress   float64  `json:"progress"`
	Down       wireInt  `json:"rateToClient"`
	Up         wireInt  `json:"rateToPeer"`
	DownTotal  wireInt  `json:"bytesToClient"`
	UpTotal    wireInt  `json:"bytesToPeer"`
	Snubbed    wireBool `json:"shoal_snubbed"`
	Queue      wireInt  `json:"shoal_queue"`
	Source     string   `json:"shoal_source"`
	UTP        wireBool `json:"isUTP"`
	ID         string   `json:"peerId"` // base64
}

// Peers implements status.Engine.
func (c *Client) Peers(ctx context.Context, id metainfo.ID) ([]status.Peer, error) {
	w, _, err := askOne[wirePeers](ctx, c, id)
	if err != nil {
		return nil, err
	}
	list := make([]status.Peer, 0, len(w.Peers))
	for _, p := range w.Peers {
		a, err := netip.ParseAddr(p.Address)
		if err != nil || p.Port < 0 || p.Port > math.MaxUint16 {
			return nil, fmt.Errorf("torrent-get: %w: the address of a peer", ErrAnswer)
		}
		peer := status.Peer{Addr: netip.AddrPortFrom(a, uint16(p.Port)), Client: p.Client, Incoming: bool(p.Incoming), Encrypted: bool(p.Encrypted),
			Have: share01(p.Progress), Down: int64(p.Down), Up: int64(p.Up), DownTotal: int64(p.DownTotal), UpTotal: int64(p.UpTotal),
			AmChoking: bool(p.PeerChoked), AmInterested: bool(p.Interested), PeerChoking: bool(p.Choked), PeerInterested: bool(p.PeerWants),
			Snubbed: bool(p.Snubbed), Queue: p.Queue.int(), Source: p.Source, UTP: bool(p.UTP)}
		if id, err := base64.StdEncoding.DecodeString(p.ID); err == nil && len(id) == len(peer.PeerID) { // others leave it out, or write it in their own way
			peer.PeerID = [20]byte(id)
		}
		list = append(list, peer)
	}
	return list, nil
}

// wireTrackers is what Trackers needs.
type wireTrackers struct {
	Stats []wireTrackerStat `json:"trackerStats"`
}

type wireTrackerStat struct {
	Announce  string   `json:"announce"`
	Tier      wireInt  `json:"tier"`
	Announced wireBool `json:"hasAnnounced"`
	Succeeded wireBool `json:"lastAnnounceSucceeded"`
	Result    string   `json:"lastAnnounceResult"`
	Last      wireInt  `json:"lastAnnounceTime"`
	Next      wireInt  `json:"nextAnnounceTime"`
	Seeders   wireInt  `json:"seederCount"`
	Leechers  wireInt  `json:"leecherCount"`
	Completed wireInt  `json:"downloadCount"`
	State     wireInt  `json:"announceState"`
	Backup    wireBool `json:"isBackup"`
	Peers     wireInt  `json:"lastAnnouncePeerCount"`
	Scraped   wireInt  `json:"lastScrapeTime"`
	Scraping  wireInt  `json:"nextScrapeTime"`
}

// announceActive is the state of a tracker that is being asked.
const announceActive = 3

// Trackers implements status.Engine.
func (c *Client) Trackers(ctx context.Context, id metainfo.ID) ([]status.Tracker, error) {
	w, _, err := askOne[wireTrackers](ctx, c, id)
	if err != nil {
		return nil, err
	}
	list := make([]status.Tracker, len(w.Stats))
	for i, t := range w.Stats {
		list[i] = status.Tracker{URL: t.Announce, Tier: t.Tier.int(), Working: bool(t.Announced && t.Succeeded), Next: t.Next.unix(), Last: t.Last.unix(),
			Complete: t.Seeders.int(), Incomplete: t.Leechers.int(), Downloaded: t.Completed.int(), Announcing: t.State == announceActive,
			Backup: bool(t.Backup), Peers: t.Peers.int(), LastScrape: t.Scraped.unix(), NextScrape: t.Scraping.unix()}
		if bool(t.Announced) && !bool(t.Succeeded) && t.Result != "Success" { // asked long ago, and not again yet
			list[i].Err = t.Result
		}
	}
	return list, nil
}
