package io.mediabridge.testing;

import com.google.protobuf.Any;
import com.google.protobuf.Message;
import io.grpc.Grpc;
import io.grpc.InsecureServerCredentials;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Server;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerCredentials;
import io.grpc.ServerInterceptor;
import io.grpc.ServerServiceDefinition;
import io.grpc.ServiceDescriptor;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.ServerCalls;
import io.grpc.stub.StreamObserver;
import io.mediabridge.client.ClientBuilder;
import io.mediabridge.client.MediabridgeClient;
import io.mediabridge.client.RetryPolicy;
import io.mediabridge.v1.AdminServiceGrpc;
import io.mediabridge.v1.AgentStateChanged;
import io.mediabridge.v1.CallEvent;
import io.mediabridge.v1.CallServiceGrpc;
import io.mediabridge.v1.Ended;
import io.mediabridge.v1.ModelServiceGrpc;
import io.mediabridge.v1.TelemetryServiceGrpc;
import io.mediabridge.v1.WatchEventsResponse;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;

/** A real server on loopback that answers as its test says, and remembers what it was asked. */
public final class ScriptedBridge implements AutoCloseable {

  /** What happens to one RPC. */
  public interface Script {
    void play(Message request, ServerCallStreamObserver<Message> answer);
  }

  private static final Metadata.Key<String> AUTHORIZATION =
      Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);

  private final Map<String, Queue<Script>> scripts = new ConcurrentHashMap<>();
  private final List<Message> requests = new CopyOnWriteArrayList<>();
  private final List<String> authorizations = new CopyOnWriteArrayList<>();
  private final Server server;

  /** Starts in the clear, on a free port. */
  public ScriptedBridge() {
    this(InsecureServerCredentials.create());
  }

  /** Starts on a free port. */
  public ScriptedBridge(ServerCredentials credentials) {
    server = started(credentials);
  }

  /** {@return where it serves} */
  public String target() {
    return "127.0.0.1:" + server.getPort();
  }

  /** Returns a client without patience: it waits a millisecond where others wait longer. */
  public MediabridgeClient client() {
    return builder().build();
  }

  /** Describes such a client. */
  public ClientBuilder builder() {
    var hasty = new RetryPolicy(3, Duration.ofMillis(1), Duration.ofMillis(1), 1);
    return MediabridgeClient.builder(target()).plaintext().retries(hasty).watchRetries(hasty);
  }

  /** Lets the next RPCs of a method go as the scripts say, one after the other. */
  public ScriptedBridge on(String method, Script... next) {
    scripts.computeIfAbsent(method, any -> new ConcurrentLinkedQueue<>()).addAll(List.of(next));
    return this;
  }

  public List<Message> requests() {
    return requests;
  }

  public <M> List<M> requests(Class<M> kind) {
    return requests.stream().filter(kind::isInstance).map(kind::cast).toList();
  }

  public List<String> authorizations() {
    return authorizations;
  }

  @Override
  public void close() {
    server.shutdownNow();
    try {
      server.awaitTermination(10, TimeUnit.SECONDS);
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  public static Script answer(Message... messages) {
    return (request, answer) -> {
      for (Message message : messages) {
        answer.onNext(message);
      }
      answer.onCompleted();
    };
  }

  public static Script refuse(Status status, Message... details) {
    return (request, answer) -> answer.onError(refusal(status, details));
  }

  /** Streams events, then breaks. */
  public static Script breakBehind(Status status, CallEvent... events) {
    return (request, answer) -> {
      events(events).play(request, answer);
      answer.onError(status.asRuntimeException());
    };
  }

  /** Streams events, then leaves the stream open. */
  public static Script events(CallEvent... events) {
    return (request, answer) -> {
      for (CallEvent event : events) {
        answer.onNext(WatchEventsResponse.newBuilder().setEvent(event).build());
      }
    };
  }

  /** Streams events, then ends the stream. */
  public static Script allEvents(CallEvent... events) {
    return (request, answer) -> {
      events(events).play(request, answer);
      answer.onCompleted();
    };
  }

  public static Script silence() {
    return events();
  }

  public static StatusRuntimeException refusal(Status status, Message... details) {
    var said =
        com.google.rpc.Status.newBuilder()
            .setCode(status.getCode().value())
            .setMessage(status.getDescription());
    for (Message detail : details) {
      said.addDetails(Any.pack(detail));
    }
    return StatusProto.toStatusRuntimeException(said.build());
  }

  public static CallEvent event(long sequence) {
    return CallEvent.newBuilder()
        .setSequence(sequence)
        .setAgentStateChanged(AgentStateChanged.getDefaultInstance())
        .build();
  }

  public static CallEvent ended(long sequence) {
    return CallEvent.newBuilder()
        .setSequence(sequence)
        .setEnded(Ended.getDefaultInstance())
        .build();
  }

  private Server started(ServerCredentials credentials) {
    try {
      return Grpc.newServerBuilderForPort(0, credentials)
          .addService(scripted(CallServiceGrpc.getServiceDescriptor()))
          .addService(scripted(TelemetryServiceGrpc.getServiceDescriptor()))
          .addService(scripted(ModelServiceGrpc.getServiceDescriptor()))
          .addService(scripted(AdminServiceGrpc.getServiceDescriptor()))
          .intercept(new Ear())
          .build()
          .start();
    } catch (IOException taken) {
      throw new UncheckedIOException(taken);
    }
  }

  private ServerServiceDefinition scripted(ServiceDescriptor service) {
    var definition = ServerServiceDefinition.builder(service);
    for (MethodDescriptor<?, ?> method : service.getMethods()) {
      @SuppressWarnings("unchecked") // all of them are messages
      var of = (MethodDescriptor<Message, Message>) method;
      String name = method.getBareMethodName();
      var unary = method.getType() == MethodDescriptor.MethodType.UNARY;
      definition.addMethod(
          of,
          unary
              ? ServerCalls.asyncUnaryCall((request, answer) -> play(name, request, answer))
              : ServerCalls.asyncServerStreamingCall(
                  (request, answer) -> play(name, request, answer)));
    }
    return definition.build();
  }

  private void play(String method, Message request, StreamObserver<Message> answer) {
    requests.add(request);
    Queue<Script> next = scripts.get(method);
    Script script = next == null ? null : next.poll();
    if (script == null) {
      script = refuse(Status.UNIMPLEMENTED.withDescription("nothing was scripted"));
    }
    script.play(request, (ServerCallStreamObserver<Message>) answer);
  }

  private final class Ear implements ServerInterceptor {
    @Override
    public <Q, A> ServerCall.Listener<Q> interceptCall(
        ServerCall<Q, A> call, Metadata headers, ServerCallHandler<Q, A> next) {
      String authorization = headers.get(AUTHORIZATION);
      authorizations.add(authorization == null ? "" : authorization);
      return next.startCall(call, headers);
    }
  }
}
