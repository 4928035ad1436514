package tracker

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"shoal/internal/bencode"
	"shoal/metainfo"
)

// httpScrapeMost is how many torrents one HTTP scrape asks for: about 3 KiB of URL.
const httpScrapeMost = 40

// Counts are what a tracker counts of one torrent; -1 stands for unknown.
type Counts struct {
	Complete, Incomplete int // seeds, and peers that are none
	Downloaded           int // how often it was completed
}

func unknownCounts(n int) []Counts { return slices.Repeat([]Counts{{-1, -1, -1}}, n) }

// Scrape asks a tracker, by its announce URL, for the numbers of these torrents (BEP 48,
// and BEP 15 for UDP) and returns them in the order of ids. A torrent the tracker does not
// know has unknown counts, or zeros over UDP. Many torrents are asked for in several requests, one
// after the other, each with the limits of Announce; errors are those of Announce.
func (c *Client) Scrape(ctx context.Context, announce string, ids []metainfo.ID) ([]Counts, error) {
	all := make([]Counts, 0, len(ids))
	for rest := ids; len(rest) > 0; {
		err := c.within(ctx, announce, func(ctx context.Context, u *url.URL) error {
			most, scrape := httpScrapeMost, c.scrapeHTTP
			if u.Scheme == "udp" {
				most, scrape = udpScrapeMost, c.scrapeUDP
			}
			n := min(len(rest), most)
			got, err := scrape(ctx, u, rest[:n])
			all, rest = append(all, got...), rest[n:]
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

func (c *Client) scrapeHTTP(ctx context.Context, u *url.URL, ids []metainfo.ID) ([]Counts, error) {
	u, err := scrapeURL(u, ids)
	if err != nil {
		return nil, err
	}
	return fetch(ctx, c, u, anyFamily, func(body []byte) ([]Counts, error) { return parseScrape(body, ids) })
}

// scrapeURL turns an announce URL into that of a scrape: the last element of the
// path must begin with "announce", which becomes "scrape" (BEP 48).
func scrapeURL(u *url.URL, ids []metainfo.ID) (*url.URL, error) {
	path := u.EscapedPath()
	i := strings.LastIndexByte(path, '/') + 1
	rest, ok := strings.CutPrefix(path[i:], "announce")
	if !ok {
		return nil, fmt.Errorf("%w: this tracker has no scrape address", ErrUnsupported)
	}
	out := *u
	path = path[:i] + "scrape" + rest
	var err error
	if out.Path, err = url.PathUnescape(path); err != nil {
		return nil, fmt.Errorf("%w: the address is not a URL", ErrUnsupported)
	}
	out.RawPath = path
	var b strings.Builder
	b.WriteString(u.RawQuery)
	for _, id := range ids {
		if b.Len() > 0 {
			b.WriteByte('&')
		}
		b.WriteString("info_hash=")
		hash := id.Wire()
		escape(&b, string(hash[:]))
	}
	out.RawQuery = b.String()
	return &out, nil
}

// parseScrape reads the body of an HTTP scrape (BEP 48). Torrents that were not
// asked for are passed over.
func parseScrape(body []byte, ids []metainfo.ID) ([]Counts, error) {
	if err := checkBody(body); err != nil {
		return nil, err
	}
	all := unknownCounts(len(ids))
	at := make(map[string][]int, len(ids))
	for i, id := range ids {
		hash := id.Wire()
		at[string(hash[:])] = append(at[string(hash[:])], i)
	}
	found := false
	for key, raw := range bencode.Dict(body) {
		switch key {
		case "failure reason":
			reason, _ := bencode.String(raw)
			return nil, &Failure{Reason: limited(reason, maxText)}
		case "files":
			found = true
			for hash, entry := range bencode.Dict(raw) {
				for _, i := range at[hash] {
					all[i] = scrapeEntry(entry)
				}
			}
		}
	}
	if !found {
		return nil, fmt.Errorf("%w: a scrape without files", ErrReply)
	}
	return all, nil
}

func scrapeEntry(raw []byte) Counts {
	n := Counts{-1, -1, -1}
	for key, v := range bencode.Dict(raw) {
		switch key {
		case "complete":
			n.Complete = count(v)
		case "incomplete":
			n.Incomplete = count(v)
		case "downloaded":
			n.Downloaded = count(v)
		}
	}
	return n
}
