import com.nimbusds.jose.JOSEException;
import com.nimbusds.jose.JOSEObjectType;
import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.jwk.JWKSet;
import com.nimbusds.jose.jwk.source.ImmutableJWKSet;
import com.nimbusds.jose.proc.BadJOSEException;
import com.nimbusds.jose.proc.DefaultJOSEObjectTypeVerifier;
import com.nimbusds.jose.proc.JWSVerificationKeySelector;
import com.nimbusds.jose.proc.SecurityContext;
import com.nimbusds.jose.util.JSONObjectUtils;
import com.nimbusds.jwt.JWTClaimsSet;
import com.nimbusds.jwt.proc.DefaultJWTClaimsVerifier;
import com.nimbusds.jwt.proc.DefaultJWTProcessor;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.text.ParseException;
import java.util.Date;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

/**
 * Decides on tokens with Nimbus JOSE + JWT, as its documentation recommends for access tokens (RFC 9068): a
 * DefaultJWTProcessor with verifiers of typ and claims, and a selector of keys by algorithm.
 */
final class Nimbus {
    private static final Set<String> REQUIRED = Set.of("iss", "aud", "exp", "sub", "iat", "jti", "client_id");

    private final Map<String, DefaultJWTProcessor<SecurityContext>> processors = new HashMap<>();

    private Nimbus(Map<String, Object> setting) throws ParseException {
        Map<String, Object> keySets = JSONObjectUtils.getJSONObject(setting, "key_sets");
        for (String name : keySets.keySet()) {
            try {
                JWKSet keys = JWKSet.parse(JSONObjectUtils.getJSONObject(keySets, name));
                processors.put(name, processor(setting, keys));
            } catch (ParseException unreadable) {
                // It has no processor, and each of its tokens is refused.
            }
        }
    }

    public static void main(String[] arguments) throws IOException, ParseException {
        var input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        var output = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        var nimbus = new Nimbus(JSONObjectUtils.parse(input.readLine()));
        for (String line = input.readLine(); line != null; line = input.readLine()) {
            Map<String, Object> specimen = JSONObjectUtils.parse(line);
            String token = JSONObjectUtils.getString(specimen, "token");
            output.println(nimbus.verdict(token, JSONObjectUtils.getString(specimen, "key_set")));
        }
        output.flush();
    }

    private static DefaultJWTProcessor<SecurityContext> processor(Map<String, Object> setting, JWKSet keys)
            throws ParseException {
        Set<JWSAlgorithm> algorithms = new HashSet<>();
        for (String name : JSONObjectUtils.getStringList(setting, "algorithms")) {
            algorithms.add(JWSAlgorithm.parse(name));
        }
        var now = new Date(JSONObjectUtils.getLong(setting, "now") * 1000);
        var exactly = new JWTClaimsSet.Builder().issuer(JSONObjectUtils.getString(setting, "issuer")).build();
        var claims = new DefaultJWTClaimsVerifier<SecurityContext>(
                JSONObjectUtils.getString(setting, "audience"), exactly, REQUIRED) {
            @Override
            protected Date currentTime() {
                return now;
            }
        };
        claims.setMaxClockSkew(JSONObjectUtils.getInt(setting, "leeway"));

        var processor = new DefaultJWTProcessor<SecurityContext>();
        processor.setJWSTypeVerifier(new DefaultJOSEObjectTypeVerifier<>(
                new JOSEObjectType("at+jwt"), new JOSEObjectType("application/at+jwt")));
        processor.setJWSKeySelector(new JWSVerificationKeySelector<>(algorithms, new ImmutableJWKSet<>(keys)));
        processor.setJWTClaimsSetVerifier(claims);
        return processor;
    }

    private String verdict(String token, String keySet) {
        DefaultJWTProcessor<SecurityContext> processor = processors.get(keySet);
        if (processor == null) {
            return "refused key set";
        }
        try {
            processor.process(token, null);
            return "accepted";
        } catch (ParseException | BadJOSEException | JOSEException refused) {
            return "refused " + refused.getClass().getSimpleName();
        } catch (RuntimeException | StackOverflowError undocumented) {
            return "failed " + undocumented.getClass().getSimpleName();
        }
    }
}
