package io.mediabridge.client;

/** A stream of things that arrive only as they are asked for. */
interface Feed<T> {

  /** Begins; the receiver is told everything from now on, by one thread at a time. */
  void start(Receiver<T> receiver);

  /** Lets so many more arrive. May be called from any thread, once the feed has begun. */
  void request(int count);

  /** Breaks off. May be called from any thread; what was on its way may still arrive. */
  void cancel();

  /** Who is told. After {@link #ended} or {@link #failed} nothing follows. */
  interface Receiver<T> {

    /** Something arrived. */
    void received(T item);

    /** That was all. */
    void ended();

    /** Nothing more will come. */
    void failed(MediabridgeException failure);
  }
}
