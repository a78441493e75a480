// Decides on tokens with jwx, as its documentation recommends: jwt.Parse with a jwk.Set, issuer, audience, clock,
// required claims, and strings that are not null. The algorithm is that of the key; it cannot check typ. Its checks of
// crit and alg, jws.WithCritValidation and jws.WithAlgorithmMatch, are options that jwt.Parse does not take.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jwt"
)

type setting struct {
	Issuer   string                     `json:"issuer"`
	Audience string                     `json:"audience"`
	Now      int64                      `json:"now"`
	Leeway   int64                      `json:"leeway"`
	KeySets  map[string]json.RawMessage `json:"key_sets"`
}

type specimen struct {
	Token  string `json:"token"`
	KeySet string `json:"key_set"`
}

func main() {
	input := json.NewDecoder(bufio.NewReader(os.Stdin))
	output := bufio.NewWriter(os.Stdout)
	var given setting
	check(input.Decode(&given))
	options := []jwt.ParseOption{
		jwt.WithStrictStringClaims(true),
		jwt.WithIssuer(given.Issuer),
		jwt.WithAudience(given.Audience),
		jwt.WithAcceptableSkew(time.Duration(given.Leeway) * time.Second),
		jwt.WithClock(jwt.ClockFunc(func() time.Time { return time.Unix(given.Now, 0) })),
	}
	for _, claim := range []string{"iss", "aud", "exp", "sub", "iat", "jti", "client_id"} {
		options = append(options, jwt.WithRequiredClaim(claim))
	}
	keys := map[string]jwk.Set{}
	for name, text := range given.KeySets {
		// A set that it cannot read has no key.
		if set, err := jwk.Parse(text); err == nil {
			keys[name] = set
		}
	}
	for {
		var next specimen
		err := input.Decode(&next)
		if errors.Is(err, io.EOF) {
			break
		}
		check(err)
		fmt.Fprintln(output, verdict(next.Token, keys[next.KeySet], options))
	}
	check(output.Flush())
}

func verdict(token string, keys jwk.Set, options []jwt.ParseOption) (said string) {
	defer func() {
		if panicked := recover(); panicked != nil {
			said = "failed panic"
		}
	}()
	if keys == nil {
		return "refused key set"
	}
	_, err := jwt.Parse([]byte(token), append(options, jwt.WithKeySet(keys))...)
	switch {
	case err == nil:
		return "accepted"
	case errors.Is(err, jwt.ValidateError()):
		return "refused Validate"
	default:
		return "refused Parse"
	}
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
