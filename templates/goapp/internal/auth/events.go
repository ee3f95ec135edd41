package auth

import (
	"context"
	"encoding/json"
	"log/slog"
	"strconv"
)

// logEvent writes one line of the security log, which never holds a secret or an
// address of somebody in clear.
func logEvent(ctx context.Context, log *slog.Logger, level slog.Level, event string, attrs ...slog.Attr) {
	quoted := make([]slog.Attr, len(attrs))
	for i, attr := range attrs {
		if attr.Value.Kind() == slog.KindString {
			attr.Value = slog.AnyValue(quotedText(attr.Value.String()))
		}
		quoted[i] = attr
	}
	log.LogAttrs(ctx, level, event, quoted...)
}

// quotedText is a text that every handler of slog writes in quotes, with control
// characters escaped: what a client sent can neither end a line nor look like
// another field of it.
type quotedText []byte

func (t quotedText) String() string { return strconv.Quote(string(t)) }

func (t quotedText) MarshalJSON() ([]byte, error) { return json.Marshal(string(t)) }
