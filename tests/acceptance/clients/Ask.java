import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.util.Map;
import javax.net.ssl.SSLContext;
import org.apache.hc.client5.http.classic.methods.HttpUriRequestBase;
import org.apache.hc.client5.http.impl.classic.CloseableHttpClient;
import org.apache.hc.client5.http.impl.classic.HttpClients;
import org.apache.hc.client5.http.impl.io.PoolingHttpClientConnectionManagerBuilder;
import org.apache.hc.client5.http.protocol.HttpClientContext;
import org.apache.hc.client5.http.ssl.DefaultClientTlsStrategy;
import org.apache.hc.core5.http.ContentType;
import org.apache.hc.core5.http.Header;
import org.apache.hc.core5.http.io.entity.EntityUtils;
import org.apache.hc.core5.http.io.entity.HttpEntities;
import org.apache.hc.core5.ssl.SSLContextBuilder;

/**
 * Asks at URL with TOKEN, and prints of each answer its status, the protocol that the request offered to change to, and the body.
 *
 * An argument is a method, a path and, where we shall offer one ourselves, a protocol: "GET /v2/health/ready TLS/1.2". What POST sends is
 * in the file BODY; an https URL has a certificate of the authority in the file CA. Everything else is as the client has it by default.
 */
public final class Ask {
    public static void main(String[] arguments) throws Exception {
        Map<String, String> told = System.getenv();
        try (CloseableHttpClient client = told.containsKey("CA") ? trusting(Path.of(told.get("CA"))) : HttpClients.createDefault()) {
            for (String argument : arguments) {
                String[] words = argument.split(" ");
                HttpUriRequestBase request = new HttpUriRequestBase(words[0], java.net.URI.create(told.get("URL") + words[1]));
                request.addHeader("Authorization", "Bearer " + told.get("TOKEN"));
                if (words.length > 2) {
                    request.addHeader("Upgrade", words[2]);
                    request.addHeader("Connection", "Upgrade");
                }
                if (words[0].equals("POST")) {
                    request.setEntity(HttpEntities.create(Files.readAllBytes(Path.of(told.get("BODY"))), ContentType.APPLICATION_JSON));
                }
                HttpClientContext sent = HttpClientContext.create();
                client.execute(request, sent, answer -> {
                    Header offered = sent.getRequest().getFirstHeader("Upgrade");
                    String body = EntityUtils.toString(answer.getEntity());
                    System.out.println(answer.getCode() + " " + (offered == null ? "-" : offered.getValue()) + " " + body.strip());
                    return null;
                });
            }
        }
    }

    private static CloseableHttpClient trusting(Path authority) throws Exception {
        KeyStore trusted = KeyStore.getInstance(KeyStore.getDefaultType());
        trusted.load(null, null);
        try (InputStream content = Files.newInputStream(authority)) {
            trusted.setCertificateEntry("authority", CertificateFactory.getInstance("X.509").generateCertificate(content));
        }
        SSLContext context = SSLContextBuilder.create().loadTrustMaterial(trusted, null).build();
        var connections = PoolingHttpClientConnectionManagerBuilder.create().setTlsSocketStrategy(new DefaultClientTlsStrategy(context));
        return HttpClients.custom().setConnectionManager(connections.build()).build();
    }
}
