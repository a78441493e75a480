import java.util.Map;

/** An object of texts, in ASCII. */
final class Json {
    private Json() {}

    static String of(Map<String, Object> members) {
        var text = new StringBuilder("{");
        members.forEach((name, value) -> {
            text.append(text.length() == 1 ? "" : ",").append('"').append(name).append("\":");
            if (value == null) {
                text.append("null");
                return;
            }
            text.append('"');
            value.toString().chars().forEach(unit -> {
                if (unit >= 0x20 && unit < 0x7f && unit != '"' && unit != '\\') {
                    text.append((char) unit);
                } else {
                    text.append(String.format("\\u%04x", unit));
                }
            });
            text.append('"');
        });
        return text.append('}').toString();
    }
}
