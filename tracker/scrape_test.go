package tracker

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"shoal/metainfo"
)

func TestScrapeURL(t *testing.T) {
	const hash = "info_hash=%00%01%20%2B%26%25~zABCDEFGHIJK%FF"
	for in, want := range map[string]string{
		"http://t.test/announce":              "http://t.test/scrape?" + hash,
		"http://t.test:8080/x%2Fy/announce":   "http://t.test:8080/x%2Fy/scrape?" + hash,
		"http://t.test/announce.php?a=b%20c":  "http://t.test/scrape.php?a=b%20c&" + hash,
		"https://t.test/key/announcement":     "https://t.test/key/scrapement?" + hash,
		"http://t.test/announce/":             "",
		"http://t.test/a":                     "",
		"http://t.test":                       "",
		"http://t.test/announce?x2%0644":      "http://t.test/scrape?x2%0644&" + hash,
		"http://t.test/announce?x=2/4":        "http://t.test/scrape?x=2/4&" + hash,
		"http://t.test/x%064announce":         "",
		"http://announce.test/announce/other": "",
	} {
		u, err := url.Parse(in)
		if err != nil {
			t.Fatal(err)
		}
		got, err := scrapeURL(u, []metainfo.ID{testID})
		if want == "" {
			if !errors.Is(err, ErrUnsupported) {
				t.Errorf("%s: %v, %v", in, got, err)
			}
			continue
		}
		if err != nil || got.String() != want {
			t.Errorf("%s: %v, %v\nwant %s", in, got, err, want)
		}
	}
}

func TestScrapeHTTP(t *testing.T) {
	asked := 0
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		if len(r.URL.RawQuery) > 3<<10 {
			t.Errorf("a query of %d bytes", len(r.URL.RawQuery))
		}
		io.WriteString(w, "d5:filesd")
		for i, hash := range r.URL.Query()["info_hash"] {
			if hash[1] == 0 && hash[0]%2 == 0 {
				fmt.Fprintf(w, "20:%sd8:completei%de10:downloadedi%de10:incompletei%dee", hash, hash[0], 7, i)
			}
		}
		io.WriteString(w, "ee")
	})
	inBubble(t, handle(h), func(t *testing.T, m *memory, c *Client) {
		ids := make([]metainfo.ID, 100)
		for i := range ids {
			ids[i].V1 = metainfo.Hash{byte(i)}
		}
		for _, u := range []string{"http://tracker.test/announce", "http://127.0.0.1/announce"} {
			got, err := c.Scrape(t.Context(), u, ids)
			if err != nil || len(got) != 100 || got[42] != (Counts{42, 2, 7}) || got[43] != (Counts{-1, -1, -1}) {
				t.Errorf("%v, %v", got, err)
			}
		}
		if asked != 6 {
			t.Errorf("%d requests", asked)
		}
		if got, err := c.Scrape(t.Context(), "http://tracker.test/announce", nil); err != nil || len(got) != 0 {
			t.Errorf("nothing asked: %v, %v", got, err)
		}
		if _, err := c.Scrape(t.Context(), "http://tracker.test/here?passkey=hunter2", ids); !errors.Is(err, ErrUnsupported) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("no scrape address: %v", err)
		}
	})
}

func TestParseScrape(t *testing.T) {
	ids := []metainfo.ID{testID, {V1: metainfo.Hash{1}}, testID}
	key := "20:" + string(testID.V1[:])
	for body, want := range map[string]string{
		"d5:files" + "d" + key + "d8:completei5e10:downloadedi6e10:incompletei7eeee": "[{5 7 6} {-1 -1 -1} {5 7 6}]",
		"d5:files" + "d" + key + "d8:completei-5e10:incomplete1:xeee":                "[{-1 -1 -1} {-1 -1 -1} {-1 -1 -1}]",
		"d5:files" + "d" + key + "i1e" + "3:abcd8:completei5eeee":                    "[{-1 -1 -1} {-1 -1 -1} {-1 -1 -1}]",
		"d5:filesi5ee":                 "[{-1 -1 -1} {-1 -1 -1} {-1 -1 -1}]",
		"d14:failure reason4:\x1bnoee": "tracker refused: ␛noe",
		"de":                           "a scrape without files",
		"le":                           "no dictionary",
		"<html>":                       "not a tracker reply",
	} {
		got, err := parseScrape([]byte(body), ids)
		if err == nil && fmt.Sprint(got) != want || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, %v, want %s", body, got, err, want)
		}
	}
}
