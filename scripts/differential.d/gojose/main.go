// Decides on tokens with go-jose, as its documentation recommends: a list of algorithms, a JSONWebKeySet, and
// jwt.Expected with issuer, audience and time. It has no setting for required claims or typ.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

type setting struct {
	Issuer     string                     `json:"issuer"`
	Audience   string                     `json:"audience"`
	Now        int64                      `json:"now"`
	Leeway     int64                      `json:"leeway"`
	Algorithms []jose.SignatureAlgorithm  `json:"algorithms"`
	KeySets    map[string]json.RawMessage `json:"key_sets"`
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
	for {
		var next specimen
		err := input.Decode(&next)
		if errors.Is(err, io.EOF) {
			break
		}
		check(err)
		fmt.Fprintln(output, verdict(&given, next))
	}
	check(output.Flush())
}

func verdict(given *setting, next specimen) (said string) {
	defer func() {
		if panicked := recover(); panicked != nil {
			said = "failed panic"
		}
	}()
	var keys jose.JSONWebKeySet
	if json.Unmarshal(given.KeySets[next.KeySet], &keys) != nil {
		return "refused key set"
	}
	token, err := jwt.ParseSigned(next.Token, given.Algorithms)
	if err != nil {
		return "refused ParseSigned"
	}
	var claims jwt.Claims
	if token.Claims(keys, &claims) != nil {
		return "refused Claims"
	}
	expected := jwt.Expected{
		Issuer:      given.Issuer,
		AnyAudience: jwt.Audience{given.Audience},
		Time:        time.Unix(given.Now, 0),
	}
	if claims.ValidateWithLeeway(expected, time.Duration(given.Leeway)*time.Second) != nil {
		return "refused Validate"
	}
	return "accepted"
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
